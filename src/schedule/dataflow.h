#pragma once
#include <span>
#include <string>
#include <vector>

#include "ir/node.h"
#include "ir/node_map.h"
#include "ir/numbered.h"
#include "ir/printer.h"
#include "lilith/graph_names.h"
#include "schedule/reachability.h"

namespace lilith::schedule {

/// The graph, numbered, with users and reachability: what every decision reads.
class Dataflow {
 public:
  explicit Dataflow(const Graph& g);
  Dataflow(const Dataflow&) = delete;
  Dataflow& operator=(const Dataflow&) = delete;

  const std::vector<ir::NodeImpl*>& order() const { return order_; }
  int index(const ir::NodeImpl* n) const;
  /// What the printed graph calls it, without its %.
  std::string name(const ir::NodeImpl* n) const { return names_.of(n); }
  /// What reads it, each once, in their order.
  std::span<ir::NodeImpl* const> users(const ir::NodeImpl* n) const {
    const auto i = static_cast<std::size_t>(index(n));
    return {users_.data() + first_user_[i], users_.data() + first_user_[i + 1]};
  }
  bool is_output(const ir::NodeImpl* n) const {
    return output_[static_cast<std::size_t>(index(n))];
  }
  /// Whether its memory is row-major whatever a schedule would like: an output's, and what a
  /// loop reads.
  bool is_row_major(const ir::NodeImpl* n) const;
  /// Whether `n` needs the value of `of` (n == of counts).
  bool depends(const ir::NodeImpl* n, const ir::NodeImpl* of) const {
    return reachability_.depends(index(n), index(of));
  }
  /// By index: what a node reads, and what reads it.
  const Edges& input_edges() const { return input_edges_; }
  const Edges& user_edges() const { return user_edges_; }

 private:
  Edges edges(bool to_users) const;
  void find_users();

  const ir::Numbered numbered_;
  std::vector<ir::NodeImpl*> order_;  // what is numbered, then the inputs that nothing reads
  ir::NodeMap<int> unread_;           // the indices of those
  ir::NodeNames names_;
  std::vector<std::size_t> first_user_;
  std::vector<ir::NodeImpl*> users_;
  std::vector<bool> output_;
  Edges input_edges_, user_edges_;
  Reachability reachability_;
};

}  // namespace lilith::schedule
