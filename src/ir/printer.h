#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "lilith/graph.h"

namespace lilith::ir {

/// The name of each node of a graph, as the printer writes it, without the '%': an input's own name
/// where it has one (made unique), else a number.
std::unordered_map<const NodeImpl*, std::string> node_names(const std::vector<Node>& nodes);
/// "f32[2,3]", with "@cuda:0" for what is not on the CPU.
std::string aval_text(const Aval& aval);
/// Data leaves of at most this many elements are printed with their values.
inline constexpr std::int64_t kMaxPrintedValues = 8;

}  // namespace lilith::ir
