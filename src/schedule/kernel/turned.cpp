#include "schedule/kernel/turned.h"

#include <algorithm>

#include "schedule/kernel/strided_view.h"

namespace lilith::schedule {

std::vector<int> turned_order(ir::NodeImpl* n) {
  if (n->op->cls != OpClass::View || n->inputs.size() != 1) return {};
  const auto rank = static_cast<std::size_t>(n->aval.shape.rank());
  if (static_cast<std::size_t>(n->inputs[0]->aval.shape.rank()) != rank) return {};
  const StridedView view = strided_view(n);
  if (view.base != n->inputs[0]) return {};
  std::vector<int> order(rank, -1);
  for (std::size_t d = 0; d < rank; ++d) {
    const auto& step = view.coefficient[d];
    const auto one = std::ranges::find(step, 1);
    if (view.offset[d] != 0 || one == step.end() ||
        std::ranges::count(step, 0) + 1 != std::ssize(step))
      return {};
    const auto v = static_cast<std::size_t>(one - step.begin());
    if (n->aval.shape[static_cast<int>(v)] != view.base->aval.shape[static_cast<int>(d)]) return {};
    order[v] = static_cast<int>(d);
  }
  return std::ranges::count(order, -1) == 0 ? order : std::vector<int>{};
}

Index turned_index(const std::vector<int>& order, const Index& at) {
  Index turned;
  for (const int d : order) turned.push_back(at[static_cast<std::size_t>(d)]);
  return turned;
}

Layout turned_layout(const std::vector<int>& order, const Layout& operand) {
  Layout turned;
  for (const int d : operand.order)
    turned.order.push_back(static_cast<int>(std::ranges::find(order, d) - order.begin()));
  return turned;
}

}  // namespace lilith::schedule
