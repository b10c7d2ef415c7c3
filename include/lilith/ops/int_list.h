#pragma once
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "lilith/real.h"
#include "lilith/shape.h"

namespace lilith {

/// A list of whole numbers that one number may stand for: dimensions, window sizes, strides. An
/// empty list means "not given": all dimensions of a reduction, the default stride of a pooling.
class IntList {
 public:
  IntList() = default;
  IntList(int value) : values_{value} {}
  IntList(std::int64_t value) : values_{value} {}
  IntList(Dim value) : values_{value} {}
  IntList(Int value) : values_{value} {}
  template <std::same_as<bool> T>
  IntList(T) {
    static_assert(detail::is_a_number<T>,
                  "lilith: a bool stands where dimensions or sizes are due and would be read as 0 "
                  "or 1; look up the order of the function's parameters");
  }
  IntList(std::initializer_list<Int> values) : values_(values.begin(), values.end()) {}
  IntList(const std::vector<std::int64_t>& values) : values_(values) {}
  IntList(const std::vector<int>& values) : values_(values.begin(), values.end()) {}
  IntList(const Shape& shape) : values_(shape.begin(), shape.end()) {}

  bool empty() const { return values_.empty(); }
  std::size_t size() const { return values_.size(); }
  std::int64_t operator[](std::size_t i) const { return values_[i]; }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  const std::vector<std::int64_t>& vec() const { return values_; }
  bool operator==(const IntList&) const = default;

 private:
  std::vector<std::int64_t> values_;
};

/// The padding of a convolution: sizes, or "same" or "valid" as PyTorch says them.
class Padding {
 public:
  Padding() = default;
  Padding(int value) : amount_(value) {}
  Padding(std::int64_t value) : amount_(value) {}
  template <std::same_as<bool> T>
  Padding(T value) : amount_(value) {}
  Padding(std::initializer_list<Int> values) : amount_(values) {}
  Padding(const std::vector<std::int64_t>& values) : amount_(values) {}
  Padding(const IntList& values) : amount_(values) {}
  /// "same" or "valid"; Error for any other word.
  Padding(const char* mode);

  bool is_same() const { return same_; }
  const IntList& amount() const { return amount_; }

 private:
  IntList amount_ = 0;
  bool same_ = false;
};

}  // namespace lilith
