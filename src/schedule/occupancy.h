#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lilith::schedule {

/// Which places of an arena are taken at which times. A tree over time holds, at each of its
/// stretches, what is taken all the time and what is taken at some time, as places in a row: a
/// question goes over these once, from the lowest up to its answer.
class Occupancy {
 public:
  /// Times are 0 to times - 1.
  explicit Occupancy(int times);
  /// The lowest place where `bytes` are free at all times from `first` to `last`.
  std::size_t lowest_free(int first, int last, std::size_t bytes) const;
  void take(int first, int last, std::size_t at, std::size_t bytes);
  /// Stretches and places that questions have looked at.
  std::int64_t looked_at() const { return looked_at_; }

 private:
  struct Place {
    std::size_t begin, end;
  };
  using Taken = std::vector<Place>;  // in order, apart from each other
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
  mutable std::int64_t looked_at_ = 0;
};

}  // namespace lilith::schedule
