#include "schedule/dataflow.h"

#include "ir/printer.h"
#include "lilith/error.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

// What the outputs reach, inputs first; then the inputs that nothing reads.
std::vector<NodeImpl*> all_nodes(const Graph& g) {
  std::vector<NodeImpl*> order = ir::topological_order(g.outputs());
  ir::NodeMap<char> reached(order.size());
  for (const NodeImpl* n : order) reached.insert(n, 1);
  for (const Tensor& in : g.inputs()) {
    if (reached.insert(in.node(), 1)) order.push_back(in.node());
  }
  return order;
}

ir::NodeMap<int> number(const std::vector<NodeImpl*>& order) {
  ir::NodeMap<int> index(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) index.insert(order[i], static_cast<int>(i));
  return index;
}

}  // namespace

Dataflow::Dataflow(const Graph& g)
    : order_(all_nodes(g)),
      index_(number(order_)),
      names_(ir::node_names(g.nodes())),
      users_(order_.size()),
      output_(order_.size()),
      input_edges_(edges(false)),
      user_edges_(edges(true)),
      reachability_(input_edges_) {
  for (NodeImpl* n : order_) {
    for (const NodeImpl* in : n->inputs) {
      auto& users = users_[static_cast<std::size_t>(index(in))];
      if (users.empty() || users.back() != n) users.push_back(n);
    }
  }
  for (const Tensor& out : g.outputs()) output_[static_cast<std::size_t>(index(out.node()))] = true;
}

int Dataflow::index(const NodeImpl* n) const {
  const int* i = index_.find(n);
  if (i == nullptr) throw InternalError("schedule: a node is not of the graph");
  return *i;
}

Edges Dataflow::edges(bool to_users) const {
  std::vector<std::pair<int, int>> pairs;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const int n = static_cast<int>(i);
    for (const NodeImpl* in : order_[i]->inputs)
      pairs.push_back(to_users ? std::pair{index(in), n} : std::pair{n, index(in)});
  }
  return Edges(order_.size(), pairs);
}

}  // namespace lilith::schedule
