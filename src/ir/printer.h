#pragma once
#include <string>
#include <vector>

#include "ir/node_map.h"
#include "lilith/graph_names.h"

namespace lilith::ir {

/// What the printer calls the nodes of a graph, without the '%': a leaf by its own name where it
/// has one (made unique), others by a number.
class NodeNames {
 public:
  /// `nodes`: as Graph::nodes lists them.
  explicit NodeNames(const std::vector<const NodeImpl*>& nodes);
  explicit NodeNames(const std::vector<Node>& nodes);
  std::string of(const NodeImpl* node) const;

 private:
  NodeMap<int> number_;             // from -1 down: its own name
  std::vector<std::string> names_;  // those
};
/// "f32[2,3]", with "@cuda:0" for what is not on the CPU.
std::string aval_text(const Aval& aval);
/// " {stride=[1,1]}", or nothing: what the printer writes behind a node.
std::string attrs_text(const NodeImpl& node);
/// Data leaves of at most this many elements are printed with their values.
inline constexpr std::int64_t kMaxPrintedValues = 8;

}  // namespace lilith::ir
