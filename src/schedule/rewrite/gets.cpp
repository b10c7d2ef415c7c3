//   %1 = get(%loop) {index=0}   |  %1 = get(%loop) {index=0}
//   %2 = get(%loop) {index=0}   |
#include <map>

#include "ir/rebuild.h"
#include "schedule/rewrite/rewrites.h"

namespace lilith::schedule {

Graph one_get_each(const ir::Numbered& g) {
  if (!g.has(OpClass::Get)) return g.graph();
  std::map<std::pair<const ir::NodeImpl*, std::int64_t>, Tensor> first;
  return ir::transform(g, [&](std::size_t n, std::span<ir::NodeImpl* const> in) -> Tensor {
    ir::NodeImpl& node = g.node(n);
    if (node.op->cls != OpClass::Get) return {};
    const Tensor made = ir::rebuild(&node, in);
    return first.emplace(std::pair(in[0], node.attrs.integer("index")), made).first->second;
  });
}

}  // namespace lilith::schedule
