#include "schedule/kernel/map_domain.h"

#include <string>

namespace lilith::schedule {

using ir::NodeImpl;

MapDomain::MapDomain(kir::Pool& pool, const Shape& over, const std::vector<std::int64_t>& axes)
    : shape(over), reduced(static_cast<std::size_t>(over.rank()), false) {
  for (const std::int64_t d : axes) reduced[static_cast<std::size_t>(d)] = true;
  for (int d = 0; d < shape.rank(); ++d)
    index.push_back(loop_var(pool, shape[d], "i" + std::to_string(d)));
}

Index MapDomain::kept_index(const NodeImpl* n) const {
  const bool ones = n->aval.shape.rank() == shape.rank();
  Index at;
  for (std::size_t d = 0; d < index.size(); ++d) {
    if (!reduced[d])
      at.push_back(index[d]);
    else if (ones)
      at.push_back(index[d].pool().integer(0));
  }
  return at;
}

std::vector<LoopDim> MapDomain::loops(const std::vector<int>& order) const {
  std::vector<LoopDim> dims;
  for (const int d : order) {
    const auto k = static_cast<std::size_t>(d);
    if (shape[d] != 1) dims.push_back({index[k], shape[d], reduced[k]});
  }
  return dims;
}

std::vector<std::int64_t> reduced_axes(const Map& g) {
  if (g.reduces.empty()) return {};
  return g.reduces[0]->attrs.ints("axes");
}

double flops_of(const Map& g) {
  double cost = 0;
  for (const NodeImpl* n : g.results()) cost += n->op->cost;
  return cost * static_cast<double>(g.domain.numel());
}

}  // namespace lilith::schedule
