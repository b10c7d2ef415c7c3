#pragma once
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <fmt/format.h>

#include "lilith/detail/number.h"

namespace lilith {

namespace detail {
/// A bool where a number is due: false for every T, once it is asked.
template <class T>
inline constexpr bool is_a_number = !std::same_as<T, bool>;
template <class T>
inline constexpr bool is_whole = !std::same_as<T, bool> && !std::floating_point<T>;
template <class T>
concept PlainEnum = std::is_enum_v<T> && std::is_convertible_v<T, std::int64_t>;
}  // namespace detail

/// A number as a function's parameter or an option. It takes no bool: the `true` of dropout(x,
/// true) or of elu(x, true) belongs to another parameter of PyTorch's list, and would be read as 1.
///
/// In arithmetic it is a double, as Int and Dim are integers. What deduces one type from two
/// operands wants both alike: `c ? +o.lr : 1e-3`, `std::min<std::int64_t>(o.batch_size, n)`.
class Real : detail::NumberBase {
 public:
  template <class T>
    requires((std::is_arithmetic_v<T> && !std::same_as<T, bool>) || detail::PlainEnum<T>)
  constexpr Real(T value) : value_(static_cast<double>(value)) {}
  template <class T>
    requires(detail::Checked<T> && !std::same_as<T, Real>)
  constexpr Real(T value) : value_(static_cast<double>(value)) {}
  template <class T>
    requires(!detail::Checked<T> && detail::Converts<T, double>)
  constexpr Real(const T& value) : value_(value) {}
  template <std::same_as<bool> T>
  Real(T) {
    static_assert(detail::is_a_number<T>,
                  "lilith: a bool stands where a number is due and would be read as 0 or 1; look "
                  "up the order of the function's parameters");
  }
  constexpr operator double() const { return value_; }

  constexpr Real& operator+=(Real x) { return value_ += x.value_, *this; }
  constexpr Real& operator-=(Real x) { return value_ -= x.value_, *this; }
  constexpr Real& operator*=(Real x) { return value_ *= x.value_, *this; }
  constexpr Real& operator/=(Real x) { return value_ /= x.value_, *this; }
  constexpr Real& operator++() { return ++value_, *this; }
  constexpr Real& operator--() { return --value_, *this; }
  constexpr double operator++(int) { return value_++; }
  constexpr double operator--(int) { return value_--; }

 private:
  double value_ = 0;
};

namespace detail {
/// A whole number likewise: no bool, and none with a fraction to cut. What `I` cannot hold is its
/// end, which no dimension and no size reaches.
template <std::signed_integral I>
class Whole : NumberBase {
 public:
  template <class T>
    requires((std::integral<T> && !std::same_as<T, bool>) || PlainEnum<T>)
  constexpr Whole(T value) : value_(held(value)) {}
  template <std::signed_integral J>
    requires(!std::same_as<I, J>)
  constexpr Whole(Whole<J> value) : value_(held(static_cast<J>(value))) {}
  template <class T>
    requires(!Checked<T> && Converts<T, std::int64_t>)
  constexpr Whole(const T& value) : value_(held(static_cast<std::int64_t>(value))) {}
  template <class T>
    requires(std::same_as<T, bool> || std::floating_point<T> || std::same_as<T, Real>)
  Whole(T) {
    static_assert(detail::is_a_number<T>,
                  "lilith: a bool stands where a dimension, a size or a count is due and would be "
                  "read as 0 or 1; look up the order of the function's parameters");
    static_assert(detail::is_whole<Plain<T>> || !detail::is_a_number<T>,
                  "lilith: a number with a fraction stands where a dimension, a size or a count "
                  "is due and would be cut; write a whole number");
  }
  constexpr operator I() const { return value_; }

  constexpr Whole& operator+=(Whole x) { return value_ += x.value_, *this; }
  constexpr Whole& operator-=(Whole x) { return value_ -= x.value_, *this; }
  constexpr Whole& operator*=(Whole x) { return value_ *= x.value_, *this; }
  constexpr Whole& operator/=(Whole x) { return value_ /= x.value_, *this; }
  constexpr Whole& operator%=(Whole x) { return value_ %= x.value_, *this; }
  constexpr Whole& operator++() { return ++value_, *this; }
  constexpr Whole& operator--() { return --value_, *this; }
  constexpr I operator++(int) { return value_++; }
  constexpr I operator--(int) { return value_--; }

 private:
  template <class T>
  static constexpr I held(T value) {
    using Limits = std::numeric_limits<I>;
    if constexpr (std::is_enum_v<T>)
      return held(static_cast<std::int64_t>(value));
    else if constexpr (std::is_unsigned_v<T>)
      return value > static_cast<std::make_unsigned_t<I>>(Limits::max()) ? Limits::max()
                                                                         : static_cast<I>(value);
    else
      return value < Limits::min()   ? Limits::min()
             : value > Limits::max() ? Limits::max()
                                     : static_cast<I>(value);
  }
  I value_ = 0;
};
template <>
struct PlainOf<Real> {
  using type = double;
};
template <class I>
struct PlainOf<Whole<I>> {
  using type = I;
};
}  // namespace detail
/// The number of a dimension; negative ones count from the end.
using Dim = detail::Whole<int>;
/// A size, a count, an index.
using Int = detail::Whole<std::int64_t>;

namespace detail {
/// Stands before options that are all given by name: {2, 1} is a list of two sizes, as in PyTorch,
/// not the first two options.
struct Named {};
/// A number of any kind, bool included, which Real, Int and Dim refuse with a text. Parameters of
/// this kind take no braces, which stand for options.
template <class T>
concept AnyNumber = std::is_arithmetic_v<Plain<T>>;
/// Stands before the options that are given by name alone, where PyTorch's list goes on with
/// another argument.
struct ByName {
  ByName() = default;
  template <class T>
    requires std::is_arithmetic_v<T>
  ByName(T) {
    static_assert(std::is_void_v<T>,
                  "lilith: PyTorch has another argument in this place (inplace, return_indices, "
                  "foreach); leave it out, or name the option that is meant: {.training = false}, "
                  "{.ceil_mode = true}");
  }
};
}  // namespace detail

}  // namespace lilith

template <>
struct fmt::formatter<lilith::Real> : fmt::formatter<double> {
  template <class Context>
  auto format(lilith::Real x, Context& ctx) const {
    return fmt::formatter<double>::format(x, ctx);
  }
};
template <class I>
struct fmt::formatter<lilith::detail::Whole<I>> : fmt::formatter<I> {
  template <class Context>
  auto format(lilith::detail::Whole<I> x, Context& ctx) const {
    return fmt::formatter<I>::format(x, ctx);
  }
};
