#include "ir/family.h"

#include "ir/hash.h"
#include "ir/node.h"
#include "ir/node_map.h"

namespace lilith::ir {

std::uint64_t family(const Graph& g) {
  NodeMap<std::uint64_t> number(256);
  std::uint64_t h = g.inputs().size(), next = 0;
  const auto add = [&](const NodeImpl* node) {
    if (!number.insert(node, next)) return;
    ++next;
    h = mix(h, hash_text(node->op->name));
    h = mix(h, static_cast<std::uint64_t>(node->aval.dtype) |
                   static_cast<std::uint64_t>(node->aval.shape.rank()) << 32);
    for (const NodeImpl* input : node->inputs) h = mix(h, *number.find(input));
    for (const auto& [name, attr] : node->attrs.items())
      if (const BodyPtr* body = std::get_if<BodyPtr>(&attr)) h = mix(h, family((*body)->graph()));
  };
  for (const Tensor& t : g.inputs()) add(t.node());
  for (const NodeImpl* node : topological_order(g.outputs())) add(node);
  for (const Tensor& t : g.outputs()) h = mix(h, *number.find(t.node()));
  return h;
}

}  // namespace lilith::ir
