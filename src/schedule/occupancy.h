#pragma once
#include <cstddef>
#include <map>
#include <vector>

namespace lilith::schedule {

/// Which places of an arena are taken at which times. A tree over time holds, at each of its
/// stretches, what is taken all the time and what is taken at some time, as places in a row: the
/// cost of a question grows with the gaps it meets, not with the blocks that lie between them.
class Occupancy {
 public:
  /// Times are 0 to times - 1.
  explicit Occupancy(int times);
  /// The lowest place where `bytes` are free at all times from `first` to `last`.
  std::size_t lowest_free(int first, int last, std::size_t bytes) const;
  void take(int first, int last, std::size_t at, std::size_t bytes);

 private:
  /// Places that are taken: begin -> end, apart from each other.
  using Taken = std::map<std::size_t, std::size_t>;
  struct Stretch {
    Taken always, sometimes;
  };
  static void add(Taken* taken, std::size_t begin, std::size_t end);
  // Calls f(stretch, whole) for the stretches of the tree that meet [first, last]; `whole`: it lies
  // inside, and its parts are not visited.
  template <class Tree, class F>
  static void each(Tree& tree, std::size_t node, int low, int high, int first, int last,
                   const F& f);

  int times_ = 1;
  std::vector<Stretch> tree_;
};

}  // namespace lilith::schedule
