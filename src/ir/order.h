#pragma once
#include <cstddef>
#include <vector>

#include "ir/node.h"
#include "ir/node_map.h"

namespace lilith::ir {

/// The nodes that the roots reach, inputs first; `take` says which are looked at and through.
template <class Take>
std::vector<NodeImpl*> inputs_first(const std::vector<NodeImpl*>& roots, Take take) {
  struct Frame {
    NodeImpl* node;
    std::size_t next;
  };
  std::vector<NodeImpl*> order;
  std::vector<Frame> stack;
  NodeMap<char> seen(256);
  const auto visit = [&](NodeImpl* node) {
    if (take(*node) && seen.insert(node, 1)) stack.push_back({node, 0});
  };
  for (NodeImpl* root : roots) {
    visit(root);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next < top.node->inputs.size()) {
        visit(top.node->inputs[top.next++]);
      } else {
        order.push_back(top.node);
        stack.pop_back();
      }
    }
  }
  return order;
}

}  // namespace lilith::ir
