#pragma once
#include <cmath>
#include <compare>
#include <type_traits>

namespace lilith::detail {

/// What a T counts as: double for Real, its integer for Int and Dim; any other T itself.
template <class T>
struct PlainOf {
  using type = T;
};
template <class T>
using Plain = typename PlainOf<T>::type;

/// Two numbers that arithmetic takes.
template <class A, class B>
concept Numbers = std::is_arithmetic_v<Plain<A>> && std::is_arithmetic_v<Plain<B>>;
/// A Real, an Int or a Dim.
template <class T>
concept Checked = !std::is_same_v<T, Plain<T>>;

template <class T>
constexpr Plain<T> plain(const T& x) {
  return static_cast<Plain<T>>(x);
}
template <class A, class B>
using Common = decltype(Plain<A>() + Plain<B>());

/// The base of Real, Int and Dim, whose friends make them plain numbers among numbers: without
/// these, `lr * lr` would be as near to two operands of tensors as to two doubles, and sqrt(lr) to
/// the sqrt of a tensor as to that of C.
struct NumberBase {
  // clang-format off
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator+(A a, B b) { return plain(a) + plain(b); }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator-(A a, B b) { return plain(a) - plain(b); }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator*(A a, B b) { return plain(a) * plain(b); }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator/(A a, B b) { return plain(a) / plain(b); }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator%(A a, B b) { return plain(a) % plain(b); }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator&(A a, B b) { return plain(a) & plain(b); }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator|(A a, B b) { return plain(a) | plain(b); }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator^(A a, B b) { return plain(a) ^ plain(b); }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr bool operator==(A a, B b) {
    return static_cast<Common<A, B>>(a) == static_cast<Common<A, B>>(b);
  }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator<=>(A a, B b) {
    return static_cast<Common<A, B>>(a) <=> static_cast<Common<A, B>>(b);
  }
  template <Checked T> friend constexpr auto operator+(T x) { return +plain(x); }
  template <Checked T> friend constexpr auto operator-(T x) { return -plain(x); }
  template <Checked T> friend constexpr auto operator~(T x) { return ~plain(x); }

  template <Checked T> friend auto abs(T x) { return std::abs(plain(x)); }
  template <Checked T> friend auto exp(T x) { return std::exp(plain(x)); }
  template <Checked T> friend auto exp2(T x) { return std::exp2(plain(x)); }
  template <Checked T> friend auto expm1(T x) { return std::expm1(plain(x)); }
  template <Checked T> friend auto log(T x) { return std::log(plain(x)); }
  template <Checked T> friend auto log2(T x) { return std::log2(plain(x)); }
  template <Checked T> friend auto log10(T x) { return std::log10(plain(x)); }
  template <Checked T> friend auto log1p(T x) { return std::log1p(plain(x)); }
  template <Checked T> friend auto sqrt(T x) { return std::sqrt(plain(x)); }
  template <Checked T> friend auto sin(T x) { return std::sin(plain(x)); }
  template <Checked T> friend auto cos(T x) { return std::cos(plain(x)); }
  template <Checked T> friend auto tan(T x) { return std::tan(plain(x)); }
  template <Checked T> friend auto asin(T x) { return std::asin(plain(x)); }
  template <Checked T> friend auto acos(T x) { return std::acos(plain(x)); }
  template <Checked T> friend auto atan(T x) { return std::atan(plain(x)); }
  template <Checked T> friend auto sinh(T x) { return std::sinh(plain(x)); }
  template <Checked T> friend auto cosh(T x) { return std::cosh(plain(x)); }
  template <Checked T> friend auto tanh(T x) { return std::tanh(plain(x)); }
  template <Checked T> friend auto asinh(T x) { return std::asinh(plain(x)); }
  template <Checked T> friend auto acosh(T x) { return std::acosh(plain(x)); }
  template <Checked T> friend auto atanh(T x) { return std::atanh(plain(x)); }
  template <Checked T> friend auto erf(T x) { return std::erf(plain(x)); }
  template <Checked T> friend auto erfc(T x) { return std::erfc(plain(x)); }
  template <Checked T> friend auto lgamma(T x) { return std::lgamma(plain(x)); }
  template <Checked T> friend auto floor(T x) { return std::floor(plain(x)); }
  template <Checked T> friend auto ceil(T x) { return std::ceil(plain(x)); }
  template <Checked T> friend auto trunc(T x) { return std::trunc(plain(x)); }
  template <Checked T> friend auto round(T x) { return std::round(plain(x)); }
  template <class A, class B> requires Numbers<A, B>
  friend auto pow(A a, B b) { return std::pow(plain(a), plain(b)); }
  template <class A, class B> requires Numbers<A, B>
  friend auto fmod(A a, B b) { return std::fmod(plain(a), plain(b)); }
  template <class A, class B> requires Numbers<A, B>
  friend auto fmax(A a, B b) { return std::fmax(plain(a), plain(b)); }
  template <class A, class B> requires Numbers<A, B>
  friend auto fmin(A a, B b) { return std::fmin(plain(a), plain(b)); }
  template <class A, class B> requires Numbers<A, B>
  friend auto atan2(A a, B b) { return std::atan2(plain(a), plain(b)); }
  template <class A, class B> requires Numbers<A, B>
  friend auto hypot(A a, B b) { return std::hypot(plain(a), plain(b)); }
  template <class A, class B> requires Numbers<A, B>
  friend auto copysign(A a, B b) { return std::copysign(plain(a), plain(b)); }
  // clang-format on
};

/// A class that converts to the number I without loss and does not (also) convert to bool: Hyper
/// to double, std::atomic<int> to an integer; no std::true_type, no element of a vector<bool>.
template <class T, class I>
concept Converts = std::is_class_v<T> && requires(const T& x, void (&take)(I)) { take({x}); } &&
                   !requires(const T& x, void (&take)(bool)) { take({x}); };

}  // namespace lilith::detail
