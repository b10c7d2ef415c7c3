#pragma once
#include "schedule/kernel/lowering.h"

namespace lilith::schedule {

/// Whether a node is another value with zeros around it: who computes that value may store it in
/// the midst of them.
bool adds_border(const ir::NodeImpl* n);
/// Where an element of the value inside lies in such a node.
Index inside_border(const ir::NodeImpl* n, Index at);

/// The node with a border that an operand is, but for the order of its dimensions; null where it
/// is none.
ir::NodeImpl* padded_below(ir::NodeImpl* operand);

}  // namespace lilith::schedule
