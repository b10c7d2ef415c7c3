#pragma once
#include <array>
#include <cstddef>
#include <initializer_list>
#include <vector>

namespace lilith {

/// A list of plain values that allocates nothing while it holds N or fewer.
template <class T, std::size_t N>
class Few {
 public:
  Few() = default;
  Few(std::initializer_list<T> some) {
    for (const T& x : some) push_back(x);
  }

  void push_back(const T& x) {
    if (size_ == N) more_.assign(few_.begin(), few_.end());
    if (size_ < N)
      few_[size_] = x;
    else
      more_.push_back(x);
    ++size_;
  }
  std::size_t size() const { return size_; }
  T* begin() { return size_ <= N ? few_.data() : more_.data(); }
  T* end() { return begin() + size_; }
  const T* begin() const { return size_ <= N ? few_.data() : more_.data(); }
  const T* end() const { return begin() + size_; }
  T& operator[](std::size_t i) { return begin()[i]; }
  const T& operator[](std::size_t i) const { return begin()[i]; }

 private:
  std::size_t size_ = 0;
  std::array<T, N> few_;
  std::vector<T> more_;  // all of them, once there are more
};

}  // namespace lilith
