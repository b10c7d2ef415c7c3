#pragma once
#include <vector>

#include "ir/node.h"

namespace lilith::ir {

/// The node on other inputs: itself when they are the same, a new node of the same op otherwise.
/// Keeps the node's line. Runs the shape rule only where an aval changed.
Tensor rebuild(NodeImpl* node, const std::vector<Tensor>& new_inputs);

}  // namespace lilith::ir
