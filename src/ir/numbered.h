#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "ir/node.h"
#include "ir/node_map.h"
#include "lilith/graph_names.h"

namespace lilith::ir {

/// A graph with the nodes that its outputs reach numbered, in the order of topological_order, and
/// edges as numbers: what is done node by node needs no map of nodes. Copies share the numbers. Of
/// nodes that nobody evaluates meanwhile.
class Numbered {
 public:
  /// `expected`: about how many nodes there are.
  Numbered(Graph g, std::size_t expected = 64);

  const Graph& graph() const { return data_->graph; }
  std::size_t size() const { return data_->nodes.size(); }
  const std::vector<NodeImpl*>& nodes() const { return data_->nodes; }
  NodeImpl& node(std::size_t n) const { return *data_->nodes[n]; }
  /// What a node reads.
  std::span<const std::uint32_t> inputs(std::size_t n) const {
    const std::uint32_t* all = data_->inputs.data();
    return {all + data_->first_input[n], all + data_->first_input[n + 1]};
  }
  /// One for each output.
  const std::vector<std::uint32_t>& outputs() const { return data_->outputs; }
  /// The number of a node, or nullptr.
  const std::uint32_t* find(const NodeImpl* node) const { return data_->number.find(node); }
  /// Whether a node has this op, or one of this class.
  bool has(std::string_view op) const;
  bool has(OpClass cls) const { return (data_->classes >> static_cast<unsigned>(cls) & 1) != 0; }
  /// What became of the graph: itself where no output is another node.
  Numbered next(Graph g) const;
  /// True for a copy.
  bool is(const Numbered& other) const { return data_ == other.data_; }

 private:
  struct Data {
    Graph graph;
    std::vector<NodeImpl*> nodes;
    std::vector<std::uint32_t> first_input{0}, inputs, outputs;
    NodeMap<std::uint32_t> number;
    std::uint64_t ops = 0;      // bits of those there are; several share one
    std::uint32_t classes = 0;  // bits of those there are
    Data(Graph g, std::size_t expected) : graph(std::move(g)), number(expected) {}
  };
  class Walk;

  std::shared_ptr<const Data> data_;
};

/// True when two graphs are the same program of the same inputs, or of their own in the same order:
/// ops, attrs, avals and edges; neither names nor lines.
bool same_program(const Numbered& a, const Numbered& b);

}  // namespace lilith::ir
