#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "schedule/reachability.h"

namespace lilith::schedule {

/// What one kernel computes is a unit, and so is each node that has no kernel yet. Units that are
/// joined never come to need each other: what would stand between is seen first.
///
/// The units stand in a line in which each comes behind what it needs, so that a question looks at
/// what lies between two places and at nothing else; it searches from both ends in turn and ends
/// where the smaller search does. Joining mends the line there.
class Units {
 public:
  /// Each node a unit of its own. What a node needs has a smaller number. The edges must live as
  /// long as this does.
  Units(const Edges& inputs, const Edges& users);

  /// Makes the nodes' units one. Nodes that stand between, each needed by one of them and needing
  /// one, join as well where they are alone and not stored: they are computed where they are read.
  /// False, and nothing changes, where anything else stands between.
  bool join(std::span<const int> nodes, const std::vector<bool>& stored);
  /// Whether the unit of `n` needs the unit of `of`, or is it.
  bool needs(int n, int of) const;
  bool together(int a, int b) const { return unit_of(a) == unit_of(b); }
  /// Whether no other node has joined the unit of `n`.
  bool alone(int n) const { return members(unit_of(n)).size() == 1; }
  /// Edges that were looked at since the beginning.
  std::int64_t looked_at() const { return looked_at_; }

 private:
  using Place = std::uint64_t;
  class Search;

  int unit_of(int n) const { return unit_[static_cast<std::size_t>(n)]; }
  Place place(int unit) const { return place_[static_cast<std::size_t>(unit)]; }
  std::span<const int> members(int unit) const {
    const std::vector<int>& all = members_[static_cast<std::size_t>(unit)];
    return all.empty() ? std::span(&unit_[static_cast<std::size_t>(unit)], 1) : std::span(all);
  }
  bool absorbs(int unit, const std::vector<bool>& stored) const;
  // Moves those of `found` that stand between to `joined`; what is found leads to `joined` by the
  // edges. False where one of them cannot be absorbed.
  bool take_between(std::vector<int>* found, std::vector<int>* joined, const Edges& edges,
                    const std::vector<bool>& stored);
  // All become one unit, where `at` stands; its name.
  int merge(const std::vector<int>& joined, int at);

  // The line.
  void unlink(int unit);
  void insert_behind(int anchor, std::span<const int> units);
  void spread();

  const Edges &inputs_, &users_;
  std::vector<int> unit_;                  // by node: the node that names its unit
  std::vector<std::vector<int>> members_;  // by unit; empty while it is one node
  std::vector<Place> place_;               // by unit; the last one is the end of the line
  std::vector<int> next_, last_;           // by unit: who stands behind and before it
  std::vector<std::uint32_t> joined_;      // by the number of a search
  mutable std::vector<std::uint32_t> seen_[2];
  mutable std::uint32_t searches_ = 0;
  mutable std::int64_t looked_at_ = 0;
};

}  // namespace lilith::schedule
