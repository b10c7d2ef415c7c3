#pragma once
#include <vector>

#include "schedule/kernel/lowering.h"

namespace lilith::schedule {

/// Of a transposition: its operand's dimensions in the order in which it has them. Who computes the
/// operand may store it in that order. Empty: the node is none.
std::vector<int> turned_order(ir::NodeImpl* n);
/// Where an element of the operand lies in the transposition.
Index turned_index(const std::vector<int>& order, const Index& at);
/// The transposition's layout where its operand would lie like this.
Layout turned_layout(const std::vector<int>& order, const Layout& operand);

}  // namespace lilith::schedule
