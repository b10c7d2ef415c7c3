#include "schedule/dataflow.h"

#include <algorithm>

#include "ir/printer.h"

namespace lilith::schedule {

using ir::NodeImpl;

Dataflow::Dataflow(const Graph& g) : names_(ir::node_names(g.nodes())) {
  order_ = ir::topological_order(g.outputs());
  for (const Tensor& in : g.inputs()) {
    if (std::find(order_.begin(), order_.end(), in.node()) == order_.end())
      order_.push_back(in.node());
  }
  const std::size_t n = order_.size();
  users_.resize(n);
  output_.resize(n);
  reach_.assign(n, std::vector<std::uint64_t>((n + 63) / 64));
  for (std::size_t i = 0; i < n; ++i) index_[order_[i]] = static_cast<int>(i);
  for (std::size_t i = 0; i < n; ++i) {
    reach_[i][i / 64] |= std::uint64_t{1} << (i % 64);
    for (NodeImpl* in : order_[i]->inputs) {
      const auto k = static_cast<std::size_t>(index(in));
      auto& users = users_[k];
      if (users.empty() || users.back() != order_[i]) users.push_back(order_[i]);
      for (std::size_t w = 0; w < reach_[i].size(); ++w) reach_[i][w] |= reach_[k][w];
    }
  }
  for (const Tensor& out : g.outputs()) output_[static_cast<std::size_t>(index(out.node()))] = true;
}

}  // namespace lilith::schedule
