#pragma once
#include "schedule/fusion/rules.h"
#include "schedule/kernel/builder.h"

namespace lilith::schedule {

/// What fusion may count on where kernels are written for a CPU.
class CpuRules final : public FusionRules {
 public:
  explicit CpuRules(const Target& target) : target_(target) {}
  std::optional<SparseSpec> sparse(const ir::NodeImpl* product) const override;
  bool pools(const ir::NodeImpl* product, const ir::NodeImpl* pool) const override;
  bool suits_rows(const Shape& domain, const std::vector<std::int64_t>& axes) const override;

 private:
  const Target& target_;
};

/// Adds the kernels that compute a group on a CPU.
void emit(Builder& b, const Group& g);

// Of each kind of group.
void build_map(Builder& b, const Map& g);
void build_row_chain(Builder& b, const RowChain& g);
void build_contraction(Builder& b, const Product& g);
void build_sparse(Builder& b, const Product& g);
void build_scatter_add(Builder& b, const Scatter& g);

}  // namespace lilith::schedule
