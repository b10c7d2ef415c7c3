#include "schedule/kernel/border.h"

#include <algorithm>

#include "schedule/kernel/strided_view.h"

namespace lilith::schedule {

bool adds_border(const ir::NodeImpl* n) {
  if (n->op->zeros != Zeros::Around || n->op->cls != OpClass::View) return false;
  const auto& interior = n->attrs.ints("interior");
  return n->attrs.real("value") == 0 && std::ranges::count(interior, 0) == std::ssize(interior);
}

Index inside_border(const ir::NodeImpl* n, Index at) {
  const auto& lo = n->attrs.ints("lo");
  for (std::size_t d = 0; d < at.size(); ++d)
    if (lo[d] != 0) at[d] = at[d] + lo[d];
  return at;
}

ir::NodeImpl* padded_below(ir::NodeImpl* operand) {
  const StridedView view = strided_view(operand);
  if (!adds_border(view.base) || operand->aval.dtype != view.base->aval.dtype) return nullptr;
  for (std::size_t d = 0; d < view.offset.size(); ++d) {
    const auto& by = view.coefficient[d];
    if (view.offset[d] != 0 || by.size() != view.offset.size() ||
        std::ranges::count(by, 0) + 1 != std::ssize(by) || std::ranges::count(by, 1) != 1)
      return nullptr;
  }
  return view.base;
}

}  // namespace lilith::schedule
