#include "transforms/graph_copy.h"

#include "ir/node.h"
#include "transforms/markers.h"

namespace lilith::ir {

std::vector<NodeImpl*> region_between(const std::vector<Tensor>& outputs,
                                      const std::vector<Tensor>& stops) {
  const GraphLock lock;
  NodeMap<char> inside(256);
  for (const Tensor& t : stops)
    if (t.defined()) inside.insert(t.node(), 1);
  std::vector<NodeImpl*> region;
  for (NodeImpl* node : topological_order(outputs)) {
    if (inside.contains(node)) continue;
    bool depends = false;
    for (const NodeImpl* input : node->inputs) depends |= inside.contains(input);
    if (!depends) continue;
    inside.insert(node, 1);
    region.push_back(node);
  }
  return region;
}

std::vector<Tensor> copy_between(const std::vector<Tensor>& outputs,
                                 const std::vector<Tensor>& stops, const std::vector<Tensor>& by) {
  NodeMap<Tensor> copies(256);
  for (std::size_t k = 0; k < stops.size(); ++k)
    if (stops[k].defined()) copies.insert(stops[k].node(), by[k].defined() ? by[k] : stops[k]);
  for (NodeImpl* node : region_between(outputs, stops)) {
    std::vector<Tensor> inputs;
    for (NodeImpl* input : node->inputs) {
      const Tensor* copy = copies.find(input);
      inputs.push_back(copy ? *copy : Tensor(input));
    }
    copies.insert(node, Tensor(new NodeImpl(node->op, std::move(inputs), node->attrs, node->aval,
                                            node->loc)));
  }
  std::vector<Tensor> out;
  for (const Tensor& t : outputs) {
    const Tensor* copy = t.defined() ? copies.find(t.node()) : nullptr;
    out.push_back(copy ? *copy : t);
  }
  return out;
}

}  // namespace lilith::ir
