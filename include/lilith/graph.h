#pragma once
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lilith/op_def.h"
#include "lilith/tensor.h"

namespace lilith {

// The types are in lilith::ir, so that programs may have a Node and a Graph of their own beside
// `using namespace lilith`; lilith/graph_names.h has them by their short names.
namespace ir {

/// One operation of a graph, as a value that can be looked at. Equal when it is the same node.
class Node {
 public:
  Node() = default;
  /// The node that a tensor is a handle to. Error when the tensor is undefined.
  explicit Node(const Tensor& value);

  /// Its op; "data" once it was evaluated.
  const OpDef& op() const;
  std::string_view op_name() const { return op().name; }
  /// Shape, dtype and device of its value.
  const Aval& aval() const;
  const Shape& shape() const { return aval().shape; }
  DType dtype() const { return aval().dtype; }
  /// What the op was applied with beside its inputs; empty once it was evaluated.
  const Attrs& attrs() const;
  /// The nodes whose values it takes, in the op's order; none once it was evaluated.
  std::vector<Node> inputs() const;
  /// The user's line that made it; unknown for nodes without one.
  Loc loc() const;
  /// The name of an input ("conv1.weight"); empty for others.
  std::string name() const;
  /// The node as a value that further ops can use.
  const Tensor& tensor() const { return value_; }
  bool operator==(const Node& other) const { return value_.node() == other.value_.node(); }

 private:
  Tensor value_;
};

/// A traced function: inputs, and outputs in terms of them. A value: passes return a new one.
class Graph {
 public:
  Graph() = default;
  /// Inputs are nodes of the op "parameter", in order; every other leaf that the outputs reach is a
  /// constant. Errors: an input that is no parameter or appears twice, an undefined output.
  Graph(std::vector<Tensor> inputs, std::vector<Tensor> outputs);

  /// Its parameters, in the order of a call's arguments.
  const std::vector<Tensor>& inputs() const { return inputs_; }
  /// What it computes, in the order in which a call returns it.
  const std::vector<Tensor>& outputs() const { return outputs_; }
  /// Every node that the outputs reach, and every input, in a topological order: inputs first.
  std::vector<Node> nodes() const;
  /// A hash of the structure: ops, attrs, avals and edges; neither names nor lines.
  std::uint64_t hash() const;
  /// The text form, one node a line, inputs first: "%x: f32[2,3] = parameter",
  /// "%7: f32[100,20,24,24] = conv_general(%x, %conv1.weight) {stride=[1,1] …}  # net.cpp:12"; then
  /// "return %7, %9". Before them the bodies of loops, inner ones first: "@5c… {", their text, "}".
  std::string str(bool with_locs = true) const;
  /// Throws InternalError when the graph is broken: avals that do not follow from the op's rule,
  /// a leaf that is no input, a wrong arity.
  void verify() const;
  /// Calls the graph's function on these inputs: its outputs as lazy tensors. Error for another
  /// number of inputs or other avals than the graph's.
  std::vector<Tensor> operator()(const std::vector<Tensor>& inputs) const;

 private:
  std::vector<Tensor> inputs_, outputs_;
};

/// The function that a node owns, as an attribute (lilith/loops.h). Closed: it reads its inputs and
/// constants alone. Immutable, shared by the nodes that do the same.
class Body {
 public:
  explicit Body(Graph g);
  const Graph& graph() const { return graph_; }
  std::uint64_t hash() const { return hash_; }
  /// What the printed graph calls it: "@" and the hash.
  std::string name() const;
  /// Whether both compute the same from the same inputs: ops, attrs, avals and edges.
  bool operator==(const Body& other) const;

 private:
  Graph graph_;
  std::uint64_t hash_ = 0;
};

/// Writes Graph::str.
std::ostream& operator<<(std::ostream& out, const Graph& g);

}  // namespace ir

/// Rebuilds a graph bottom-up: `visit` gets each node with its new inputs and returns the
/// replacement, or an undefined tensor to keep the op as it is.
ir::Graph transform(const ir::Graph& g,
                    const std::function<Tensor(const ir::Node& node,
                                               const std::vector<Tensor>& new_inputs)>& visit);

/// Reads what Graph::str wrote; throws Error with the line and the reason. The text holds the
/// values of data leaves of at most 8 elements; larger ones read back as zeros.
ir::Graph parse_graph(std::string_view text);
/// Writes Graphviz: a box a node, an edge an input. Error when the file cannot be written.
void to_dot(const ir::Graph& g, const std::string& path);

namespace ir {
/// A shape of nodes to look for. pattern("relu", pattern("add", any("x"), any("y"))): an op by name
/// (or "*") over patterns of its inputs; any("x") matches everything and binds it; the same name
/// twice must match the same node.
class Pattern {
 public:
  std::string op;               // "" for any
  std::string bind;             // the name that the match gives to this node
  std::vector<Pattern> inputs;  // empty: inputs are not looked at
  /// The pattern, with the matched node bound to a name.
  Pattern as(std::string name) && {
    bind = std::move(name);
    return std::move(*this);
  }
  Pattern as(std::string name) const& {
    Pattern p = *this;
    p.bind = std::move(name);
    return p;
  }
};
}  // namespace ir
/// Matches every node and binds it, unless the name is empty.
ir::Pattern any(std::string bind = "");
/// Matches a node of this op ("*": of any) whose inputs match, in order; without patterns of inputs
/// these are not looked at. Error in rewrite when there is no such op.
template <class... P>
ir::Pattern pattern(std::string op, P... inputs) {
  return ir::Pattern{std::move(op), "", {std::move(inputs)...}};
}

namespace ir {
/// What a pattern found: the node itself and what its names are bound to.
class Match {
 public:
  Match(Node root, std::map<std::string, Tensor, std::less<>> bound)
      : root_(std::move(root)), bound_(std::move(bound)) {}
  /// The node that the whole pattern matched.
  const Node& root() const { return root_; }
  /// The value bound to a name; Error when the pattern has none of that name.
  const Tensor& operator[](std::string_view name) const;

 private:
  Node root_;
  std::map<std::string, Tensor, std::less<>> bound_;
};
}  // namespace ir

/// Replaces every match of the pattern by what `replace` builds (an undefined tensor leaves it).
/// The replacement must have the same aval; Error otherwise.
ir::Graph rewrite(const ir::Graph& g, const ir::Pattern& p,
                  const std::function<Tensor(ir::Match)>& replace);

namespace ir {
/// A graph-to-graph step of the pipeline.
struct PassDef {
  std::string name;
  std::string after;  // name of the pass it follows; empty: last
  std::function<Graph(const Graph&)> run;
};
}  // namespace ir
/// Adds a pass to the pipeline of every later compilation. Error when the name is taken or `after`
/// unknown.
void register_pass(ir::PassDef pass);

}  // namespace lilith
