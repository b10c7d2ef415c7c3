#pragma once
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "ir/node.h"
#include "ir/numbered.h"

namespace lilith::ir {

/// The node on other inputs: itself when they are the same, a new node of the same op otherwise.
/// Keeps the node's line. Runs the shape rule only where an aval changed.
Tensor rebuild(NodeImpl* node, std::span<NodeImpl* const> new_inputs);
Tensor rebuild(NodeImpl* node, const std::vector<Tensor>& new_inputs);

/// What the nodes of a graph become, first to last. Costs nothing to speak of for those that stay.
class NewValues {
 public:
  explicit NewValues(const Numbered& g) : g_(g), values_(g.size()) { made_.reserve(g.size()); }

  /// The new values of a node's inputs; until the next call.
  std::span<NodeImpl* const> inputs(std::size_t n) {
    inputs_.clear();
    for (const std::uint32_t in : g_.inputs(n)) inputs_.push_back(values_[in]);
    return inputs_;
  }
  /// Of the node whose inputs were asked for last. An undefined value: the same op on those.
  void set(std::size_t n, Tensor value);
  /// The graph; the old one where all stays.
  Graph graph() const;

 private:
  const Numbered& g_;
  std::vector<NodeImpl*> values_;
  std::vector<Tensor> made_;  // keeps those that are not the old graph's
  std::vector<NodeImpl*> inputs_;
};

/// `transform` for passes: `visit(n, inputs)` gets the number of each node and the new values of
/// its inputs.
template <class Visit>
  requires std::is_invocable_v<Visit&, std::size_t, std::span<NodeImpl* const>>
Graph transform(const Numbered& g, Visit&& visit) {
  NewValues values(g);
  for (std::size_t n = 0; n < g.size(); ++n) {
    Tensor value = visit(n, values.inputs(n));
    values.set(n, std::move(value));
  }
  return values.graph();
}

}  // namespace lilith::ir
