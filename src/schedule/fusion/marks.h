#pragma once
#include <cstdint>
#include <utility>
#include <vector>

namespace lilith::schedule {

/// Sets of numbers, one after another; beginning the next one costs nothing.
class Marks {
 public:
  explicit Marks(std::size_t size) : set_of_(size, 0) {}
  void clear() { ++set_; }
  /// True when it was not in the set.
  bool add(int n) { return std::exchange(set_of_[static_cast<std::size_t>(n)], set_) != set_; }
  bool contains(int n) const { return set_of_[static_cast<std::size_t>(n)] == set_; }

 private:
  std::vector<std::uint32_t> set_of_;
  std::uint32_t set_ = 1;
};

}  // namespace lilith::schedule
