#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

namespace lilith {

/// Sizes of a tensor, outermost first. Held inline (no allocation); rank at most kMaxRank.
class Shape {
 public:
  static constexpr int kMaxRank = 12;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : Shape(dims.begin(), dims.size()) {}
  /// One dimension: zeros(3), x.view(-1).
  template <std::integral T>
  Shape(T size) : dims_{static_cast<std::int64_t>(size)}, rank_(1) {
    static_assert(!std::is_same_v<T, bool>,
                  "lilith: a bool stands where a shape is due and would be read as size 0 or 1; "
                  "look up the order of the function's parameters");
  }
  Shape(const std::vector<std::int64_t>& dims) : Shape(dims.data(), dims.size()) {}
  Shape(const std::int64_t* dims, std::size_t rank);  // Error when rank > kMaxRank

  int rank() const { return rank_; }
  std::size_t size() const { return static_cast<std::size_t>(rank_); }
  bool empty() const { return rank_ == 0; }
  /// Size i; a negative i counts from the end. Error out of range.
  std::int64_t operator[](int i) const { return dims_[place(i)]; }
  std::int64_t& operator[](int i) { return dims_[place(i)]; }
  /// The last size. Error for a scalar.
  std::int64_t back() const { return dims_[place(-1)]; }
  const std::int64_t* begin() const { return dims_; }
  const std::int64_t* end() const { return dims_ + rank_; }
  std::int64_t* begin() { return dims_; }
  std::int64_t* end() { return dims_ + rank_; }
  void push_back(std::int64_t dim);  // Error when the rank would exceed kMaxRank
  void insert(int at, std::int64_t dim);
  void erase(int at);

  /// Product of the sizes; 1 for a scalar.
  std::int64_t numel() const;
  /// Elements to step for each dimension of a dense row-major buffer.
  Shape strides() const;
  std::vector<std::int64_t> vec() const { return {begin(), end()}; }
  /// "[2,3]"; "[]" for a scalar.
  std::string str() const;

  bool operator==(const Shape& other) const;

 private:
  int place(int i) const {
    const int at = i < 0 ? i + rank_ : i;
    if (static_cast<unsigned>(at) >= static_cast<unsigned>(rank_)) fail_index(i);
    return at;
  }
  [[noreturn]] void fail_index(int i) const;

  std::int64_t dims_[kMaxRank] = {};
  int rank_ = 0;
};

}  // namespace lilith
