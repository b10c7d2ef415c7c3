#include "schedule/kernel/border.h"

#include <algorithm>

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

}  // namespace lilith::schedule
