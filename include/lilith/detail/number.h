#pragma once
#include <cmath>
#include <compare>
#include <type_traits>
#include <utility>

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

/// By value, as std::cmp_equal compares integers: -1 is no large unsigned number.
template <class A, class B>
constexpr bool equal(A a, B b) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B>)
    return std::cmp_equal(+a, +b);
  else
    return a == b;
}
template <class A, class B>
constexpr auto order(A a, B b) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B>)
    return std::cmp_less(+a, +b)    ? std::strong_ordering::less
           : std::cmp_equal(+a, +b) ? std::strong_ordering::equal
                                    : std::strong_ordering::greater;
  else
    return std::partial_ordering(a <=> b);
}

// clang-format off
#define LILITH_OF_ONE(f) template <Checked T> friend auto f(T x) { return std::f(plain(x)); }
#define LILITH_OF_TWO(f)                           \
  template <class A, class B> requires Numbers<A, B> \
  friend auto f(A a, B b) { return std::f(plain(a), plain(b)); }
// clang-format on

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
  friend constexpr bool operator==(A a, B b) { return equal(plain(a), plain(b)); }
  template <class A, class B> requires Numbers<A, B>
  friend constexpr auto operator<=>(A a, B b) { return order(plain(a), plain(b)); }
  template <Checked T> friend constexpr auto operator+(T x) { return +plain(x); }
  template <Checked T> friend constexpr auto operator-(T x) { return -plain(x); }
  template <Checked T> friend constexpr auto operator~(T x) { return ~plain(x); }

  LILITH_OF_ONE(abs) LILITH_OF_ONE(exp) LILITH_OF_ONE(exp2) LILITH_OF_ONE(expm1)
  LILITH_OF_ONE(log) LILITH_OF_ONE(log2) LILITH_OF_ONE(log10) LILITH_OF_ONE(log1p)
  LILITH_OF_ONE(sqrt) LILITH_OF_ONE(sin) LILITH_OF_ONE(cos) LILITH_OF_ONE(tan)
  LILITH_OF_ONE(asin) LILITH_OF_ONE(acos) LILITH_OF_ONE(atan) LILITH_OF_ONE(sinh)
  LILITH_OF_ONE(cosh) LILITH_OF_ONE(tanh) LILITH_OF_ONE(asinh) LILITH_OF_ONE(acosh)
  LILITH_OF_ONE(atanh) LILITH_OF_ONE(erf) LILITH_OF_ONE(erfc) LILITH_OF_ONE(lgamma)
  LILITH_OF_ONE(floor) LILITH_OF_ONE(ceil) LILITH_OF_ONE(trunc) LILITH_OF_ONE(round)
  LILITH_OF_ONE(isnan) LILITH_OF_ONE(isinf) LILITH_OF_ONE(isfinite) LILITH_OF_ONE(signbit)
  LILITH_OF_TWO(pow) LILITH_OF_TWO(fmod) LILITH_OF_TWO(fmax) LILITH_OF_TWO(fmin)
  LILITH_OF_TWO(atan2) LILITH_OF_TWO(hypot) LILITH_OF_TWO(copysign)
  // clang-format on
};
#undef LILITH_OF_ONE
#undef LILITH_OF_TWO

/// A class that converts to the number I without loss and does not (also) convert to bool: Hyper
/// to double, std::atomic<int> to an integer; no std::true_type, no element of a vector<bool>.
template <class T, class I>
concept Converts = std::is_class_v<T> && requires(const T& x, void (&take)(I)) { take({x}); } &&
                   !requires(const T& x, void (&take)(bool)) { take({x}); };

}  // namespace lilith::detail
