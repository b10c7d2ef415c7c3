#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lilith/real.h"
#include "lilith/shape.h"

namespace lilith {

namespace detail {
/// What a list of numbers is made of: numbers of any kind (Int and Real refuse the wrong ones), and
/// unscoped enumerators.
template <class T>
concept Listed = std::is_arithmetic_v<Plain<T>> || PlainEnum<T>;
}  // namespace detail

/// A list of whole numbers that one number may stand for: dimensions, window sizes, strides. An
/// empty list means "not given": all dimensions of a reduction, the default stride of a pooling.
class IntList {
 public:
  IntList() = default;
  template <detail::Listed T>
  IntList(T value) : values_{Int(value)} {
    static_assert(detail::is_a_number<T>,
                  "lilith: a bool stands where dimensions or sizes are due and would be read as 0 "
                  "or 1; look up the order of the function's parameters");
  }
  template <std::same_as<std::nullopt_t> N>
  IntList(N) {}  // None
  // No std::initializer_list, which GCC makes of {.padding = 1} without a word.
  template <detail::Listed A, detail::Listed B, detail::Listed... Rest>
  IntList(A a, B b, Rest... rest) : values_{Int(a), Int(b), Int(rest)...} {}
  // No braces for these: IntList({0, 1}) is a list of two.
  template <class List>
    requires std::same_as<List, std::vector<std::int64_t>> ||
             std::same_as<List, std::vector<int>> || std::same_as<List, Shape>
  IntList(const List& values) : values_(values.begin(), values.end()) {}

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

namespace detail::write_names_in_one_pair_of_braces {
/// The first field of a struct whose fields are given by name. Of `Upsample up{{.scale_factor =
/// 2}}` compilers say no more than this type's name.
class IntList : public lilith::IntList {
 public:
  using lilith::IntList::IntList;
  IntList(const lilith::IntList& list) : lilith::IntList(list) {}
};
}  // namespace detail::write_names_in_one_pair_of_braces
namespace detail {
using FirstIntList = write_names_in_one_pair_of_braces::IntList;
}  // namespace detail

/// Numbers that one number may stand for: interpolate's factors.
class RealList {
 public:
  RealList() = default;
  template <detail::Listed T>
  RealList(T value) : values_{Real(value)} {}
  template <detail::Listed A, detail::Listed B, detail::Listed... Rest>
  RealList(A a, B b, Rest... rest) : values_{Real(a), Real(b), Real(rest)...} {}
  template <std::same_as<std::nullopt_t> N>
  RealList(N) {}
  RealList(const std::vector<double>& values) : values_(values) {}
  bool empty() const { return values_.empty(); }
  std::size_t size() const { return values_.size(); }
  double operator[](std::size_t i) const { return values_[i]; }
  const std::vector<double>& vec() const { return values_; }

 private:
  std::vector<double> values_;
};

/// The padding of a convolution: sizes, or "same" or "valid" as PyTorch says them.
class Padding {
 public:
  Padding() = default;
  template <detail::Listed T>
  Padding(T value) : amount_(value) {}
  template <detail::Listed A, detail::Listed B, detail::Listed... Rest>
  Padding(A a, B b, Rest... rest) : amount_(a, b, rest...) {}
  template <class List>
    requires std::same_as<List, IntList> || std::same_as<List, std::vector<std::int64_t>>
  Padding(const List& values) : amount_(values) {}
  /// "same" or "valid"; Error for any other word.
  Padding(const char* mode, std::source_location loc = std::source_location::current());

  bool operator==(const Padding&) const = default;
  bool is_same() const { return same_; }
  const IntList& amount() const { return amount_; }

 private:
  IntList amount_ = 0;
  bool same_ = false;
};

}  // namespace lilith
