#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace lilith::schedule {

/// Edges of a graph whose nodes are numbers: the targets of each, one list after another.
class Edges {
 public:
  Edges() = default;
  /// `pairs`: (from, to); those of one node keep their order.
  Edges(std::size_t nodes, const std::vector<std::pair<int, int>>& pairs);
  std::span<const int> of(int n) const {
    const auto k = static_cast<std::size_t>(n);
    return {to_.data() + first_[k], to_.data() + first_[k + 1]};
  }
  std::size_t nodes() const { return first_.size() - 1; }

 private:
  std::vector<std::size_t> first_{0};
  std::vector<int> to_;
};

/// Whether a node of an acyclic graph needs another: exact, in memory and time to build that grow
/// with nodes and edges.
///
/// Most questions are answered by numbers of the two nodes alone. Depth and the order of some
/// depth-first walks say "no" (what a node needs was left before it, in every walk), the trees of
/// those walks "yes"; what is left is searched, without the parts that these answer.
class Reachability {
 public:
  /// What a node needs has a smaller number. `inputs` must live as long as this does.
  explicit Reachability(const Edges& inputs);
  /// n == of counts. Not for two threads at once.
  bool depends(int n, int of) const;
  /// Nodes that searches have looked at.
  std::int64_t looked_at() const { return looked_at_; }

 private:
  static constexpr int kWalks = 4, kFewWalks = 2;  // of a small graph a search costs little
  static constexpr std::size_t kSmall = 1024;
  // A node's place in the order in which a walk leaves the nodes; the first place of its subtree
  // in the walk's tree, and of all that it needs.
  struct Place {
    int left = 0, subtree = 0, needs = 0;
  };
  struct Label {
    std::array<Place, kWalks> walks;
    int depth = 0;
  };
  enum class Answer : std::uint8_t { No, Yes, Unknown };

  void walk(int k);
  Answer look_up(int n, int of) const;
  bool search(int n, int of) const;

  const Edges& inputs_;
  const int walks_;
  std::vector<Label> labels_;
  mutable std::vector<std::uint32_t> seen_;  // by the number of a search
  mutable std::vector<int> stack_;
  mutable std::uint32_t searches_ = 0;
  mutable std::int64_t looked_at_ = 0;
};

}  // namespace lilith::schedule
