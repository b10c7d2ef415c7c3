#pragma once
#include "schedule/fusion/rules.h"
#include "schedule/kernel/backend.h"

namespace lilith::schedule::gpu {

/// Kernels of blocks of threads, and what fusion may count on. There is no way yet for some groups:
/// those get a CPU's kernels, which run with one thread a task.
class GpuBackend final : public Backend, public FusionRules {
 public:
  /// Null: no GPU, and nobody asks.
  explicit GpuBackend(const GpuTarget* target) : target_(target) {}
  std::vector<Choice> ways(const Group& g, Builder& b) const override;
  std::optional<SparseSpec> sparse(const ir::NodeImpl*) const override { return {}; }
  bool pools(const ir::NodeImpl* product, const ir::NodeImpl* pool) const override {
    return has_whole_windows(product, pool);
  }
  bool is_prologue(const ir::NodeImpl* n) const override;
  bool computes_operand(const ir::NodeImpl* product, const ir::NodeImpl* operand,
                        double flops) const override;
  bool computes_again() const override { return true; }
  bool stores_copies() const override { return false; }
  bool kernels_wait() const override { return false; }
  bool suits_rows(const Shape& domain, const std::vector<std::int64_t>& axes) const override;

 private:
  const GpuTarget* target_;
};

// Of each kind of group.
std::vector<Choice> map_ways(Builder& b, const Map& g);
std::vector<Choice> row_chain_ways(Builder& b, const RowChain& g);
std::vector<Choice> product_ways(Builder& b, const Product& g);
std::vector<Choice> scatter_ways(Builder& b, const Scatter& g);

}  // namespace lilith::schedule::gpu
