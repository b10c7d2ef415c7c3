#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/node.h"
#include "lilith/graph.h"

namespace lilith::schedule {

/// The graph, numbered, with users and reachability: what every decision reads.
class Dataflow {
 public:
  explicit Dataflow(const Graph& g);
  const std::vector<ir::NodeImpl*>& order() const { return order_; }
  int index(const ir::NodeImpl* n) const { return index_.at(n); }
  /// What the printed graph calls it, without its %.
  const std::string& name(const ir::NodeImpl* n) const { return names_.at(n); }
  const std::vector<ir::NodeImpl*>& users(const ir::NodeImpl* n) const {
    return users_[static_cast<std::size_t>(index(n))];
  }
  bool is_output(const ir::NodeImpl* n) const {
    return output_[static_cast<std::size_t>(index(n))];
  }
  /// Whether `n` needs the value of `of` (n == of counts).
  bool depends(const ir::NodeImpl* n, const ir::NodeImpl* of) const {
    const auto i = static_cast<std::size_t>(index(of));
    return (reach_[static_cast<std::size_t>(index(n))][i / 64] >> (i % 64)) & 1;
  }

 private:
  std::vector<ir::NodeImpl*> order_;
  std::unordered_map<const ir::NodeImpl*, int> index_;
  std::unordered_map<const ir::NodeImpl*, std::string> names_;
  std::vector<std::vector<ir::NodeImpl*>> users_;
  std::vector<bool> output_;
  std::vector<std::vector<std::uint64_t>> reach_;
};

}  // namespace lilith::schedule
