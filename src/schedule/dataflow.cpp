#include "schedule/dataflow.h"

#include <algorithm>

#include "ir/host_call.h"
#include "lilith/error.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

std::vector<NodeImpl*> all_nodes(const ir::Numbered& numbered) {
  std::vector<NodeImpl*> order = numbered.nodes();
  for (const Tensor& in : numbered.graph().inputs()) {
    if (numbered.find(in.node()) == nullptr) order.push_back(in.node());
  }
  return order;
}

// As Graph::nodes has them: inputs first.
std::vector<const NodeImpl*> printed(const ir::Numbered& numbered) {
  std::vector<const NodeImpl*> nodes;
  std::vector<char> is_input(numbered.size(), 0);
  for (const Tensor& in : numbered.graph().inputs()) {
    nodes.push_back(in.node());
    if (const std::uint32_t* n = numbered.find(in.node())) is_input[*n] = 1;
  }
  for (std::size_t n = 0; n < numbered.size(); ++n) {
    if (!is_input[n]) nodes.push_back(&numbered.node(n));
  }
  return nodes;
}

}  // namespace

Dataflow::Dataflow(const Graph& g)
    : numbered_(g),
      order_(all_nodes(numbered_)),
      names_(printed(numbered_)),
      output_(order_.size()),
      input_edges_(edges(false)),
      user_edges_(edges(true)),
      reachability_(input_edges_) {
  for (std::size_t i = numbered_.size(); i < order_.size(); ++i)
    unread_.insert(order_[i], static_cast<int>(i));
  find_users();
  for (const std::uint32_t out : numbered_.outputs()) output_[out] = true;
}

int Dataflow::index(const NodeImpl* n) const {
  if (const std::uint32_t* i = numbered_.find(n)) return static_cast<int>(*i);
  const int* i = unread_.find(n);
  if (i == nullptr) throw InternalError("schedule: a node is not of the graph");
  return *i;
}

bool Dataflow::is_row_major(const NodeImpl* n) const {
  const auto all = users(n);
  return is_output(n) || std::any_of(all.begin(), all.end(), [](const NodeImpl* u) {
           return u->op->cls == OpClass::Loop || ir::is_host_function(*u->op);
         });
}

Edges Dataflow::edges(bool to_users) const {
  std::vector<std::pair<int, int>> pairs;
  for (std::size_t i = 0; i < numbered_.size(); ++i) {
    for (const std::uint32_t in : numbered_.inputs(i)) {
      const std::pair<int, int> edge{static_cast<int>(i), static_cast<int>(in)};
      pairs.push_back(to_users ? std::pair{edge.second, edge.first} : edge);
    }
  }
  return Edges(order_.size(), pairs);
}

void Dataflow::find_users() {
  first_user_.reserve(order_.size() + 1);
  for (std::size_t i = 0; i < order_.size(); ++i) {
    first_user_.push_back(users_.size());
    int last = -1;  // what reads it twice stands there twice, side by side
    for (const int user : user_edges_.of(static_cast<int>(i))) {
      if (user != last) users_.push_back(order_[static_cast<std::size_t>(user)]);
      last = user;
    }
  }
  first_user_.push_back(users_.size());
}

}  // namespace lilith::schedule
