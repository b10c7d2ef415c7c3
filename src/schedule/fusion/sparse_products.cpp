#include "schedule/fusion/sparse_products.h"

#include <algorithm>

namespace lilith::schedule {

using ir::NodeImpl;

SparseProducts::SparseProducts(const Dataflow& a, const FusionRules& rules) : a_(a) {
  for (const NodeImpl* n : a.order()) {
    if (n->op->cls != OpClass::Contraction) continue;
    if (auto spec = rules.sparse(n))
      specs_[n] = std::make_shared<const SparseSpec>(*std::move(spec));
  }
}

std::shared_ptr<const SparseSpec> SparseProducts::of(const NodeImpl* product) const {
  const auto it = specs_.find(product);
  return it == specs_.end() ? nullptr : it->second;
}

bool SparseProducts::listed(const NodeImpl* n) const {
  if (specs_.empty() || a_.is_output(n) || a_.users(n).empty()) return false;
  return std::all_of(a_.users(n).begin(), a_.users(n).end(), [&](const NodeImpl* u) {
    if (u->op->cls == OpClass::View || u->op->zeros == Zeros::Around) return listed(u);
    const auto it = specs_.find(u);
    if (it == specs_.end()) return false;
    const auto side = static_cast<std::size_t>(it->second->side);
    return u->inputs[side] == n && u->inputs[1 - side] != n;
  });
}

}  // namespace lilith::schedule
