#pragma once
#include "schedule/fusion/rules.h"
#include "schedule/kernel/backend.h"

namespace lilith::schedule {

/// Kernels for a CPU: what fusion may count on, and the ways to compute each kind of group.
class CpuBackend final : public Backend, public FusionRules {
 public:
  explicit CpuBackend(const Target& target) : target_(target) {}
  std::vector<Choice> ways(const Group& g, Builder& b) const override;
  std::optional<SparseSpec> sparse(const ir::NodeImpl* product) const override;
  bool pools(const ir::NodeImpl* product, const ir::NodeImpl* pool) const override;
  bool is_prologue(const ir::NodeImpl* n) const override;
  bool computes_operand(const ir::NodeImpl* product, const ir::NodeImpl* operand,
                        double flops) const override;
  bool computes_again() const override { return false; }
  bool stores_copies() const override;
  bool kernels_wait() const override { return true; }
  bool suits_rows(const Shape& domain, const std::vector<std::int64_t>& axes) const override;

 private:
  const Target& target_;
};

// Of each kind of group.
std::vector<Choice> map_ways(Builder& b, const Map& g);
std::vector<Choice> row_chain_ways(Builder& b, const RowChain& g);
std::vector<Choice> product_ways(Builder& b, const Product& g);
std::vector<Choice> scatter_ways(Builder& b, const Scatter& g);

}  // namespace lilith::schedule
