#pragma once
#include <concepts>
#include <optional>

#include "lilith/tensor.h"

namespace lilith {

// ---- Maths, elementwise. Integers and bools become f32; the result has x's shape. ----
Tensor exp(const Arg& x);
Tensor exp2(const Arg& x);
Tensor expm1(const Arg& x);
Tensor log(const Arg& x);
Tensor log2(const Arg& x);
Tensor log10(const Arg& x);
Tensor log1p(const Arg& x);
Tensor sin(const Arg& x);
Tensor cos(const Arg& x);
Tensor tan(const Arg& x);
Tensor asin(const Arg& x);
Tensor acos(const Arg& x);
Tensor atan(const Arg& x);
Tensor sinh(const Arg& x);
Tensor cosh(const Arg& x);
Tensor tanh(const Arg& x);
Tensor asinh(const Arg& x);
Tensor acosh(const Arg& x);
Tensor atanh(const Arg& x);
Tensor sqrt(const Arg& x);
/// 1 / sqrt(x).
Tensor rsqrt(const Arg& x);
Tensor erf(const Arg& x);
Tensor erfc(const Arg& x);
Tensor erfinv(const Arg& x);
Tensor lgamma(const Arg& x);
Tensor digamma(const Arg& x);
/// The n-th derivative of digamma; n from 0 to 170.
Tensor polygamma(Int n, const Arg& x);
/// The logarithm of the p-variate gamma function: p (p - 1) / 4 log(pi) + sum_j lgamma(x - j / 2).
/// Error: p < 1. Ref: torch.mvlgamma
Tensor mvlgamma(const Arg& x, Int p);
Tensor sigmoid(const Arg& x);
Tensor reciprocal(const Arg& x);
/// log(x / (1 - x)); with eps, x is first clamped to [eps, 1 - eps].
Tensor logit(const Arg& x, std::optional<Real> eps = {});
/// sin(pi x) / (pi x), 1 at 0.
Tensor sinc(const Arg& x);
Tensor deg2rad(const Arg& x);
Tensor rad2deg(const Arg& x);

// ---- Maths that keeps integers. ----
Tensor neg(const Arg& x);
Tensor positive(const Arg& x);
/// Gradient 0 at 0.
Tensor abs(const Arg& x);
/// -1, 0 or 1; gradient 0.
Tensor sign(const Arg& x);
Tensor sgn(const Arg& x);
Tensor signbit(const Arg& x);
Tensor floor(const Arg& x);
Tensor ceil(const Arg& x);
Tensor trunc(const Arg& x);
/// To the nearest integer, halves to even; `decimals` digits after the point (or before, negative).
Tensor round(const Arg& x, Int decimals = 0);
Tensor frac(const Arg& x);
Tensor square(const Arg& x);
Tensor nan_to_num(const Arg& x, Real nan = 0.0, std::optional<Real> posinf = {},
                  std::optional<Real> neginf = {});
/// The value; no gradient flows through.
Tensor stop_gradient(const Arg& x);
Tensor detach(const Arg& x);
/// x converted to `dtype`; float to integer truncates, NaN gives 0.
Tensor cast(const Arg& x, DType dtype);

// ---- Two operands, broadcast and promoted. ----
Tensor add(const Arg& a, const Arg& b, const Arg& alpha = 1);
Tensor sub(const Arg& a, const Arg& b, const Arg& alpha = 1);
Tensor rsub(const Arg& a, const Arg& b, const Arg& alpha = 1);
Tensor mul(const Arg& a, const Arg& b);
/// a / b; integers give f32 unless the result is rounded.
Tensor div(const Arg& a, const Arg& b, RoundingMode rounding = RoundingMode::None);
Tensor true_divide(const Arg& a, const Arg& b);
Tensor floor_divide(const Arg& a, const Arg& b);
/// a - b * floor(a / b): the sign of b. Integers: a % 0 = a.
Tensor remainder(const Arg& a, const Arg& b);
/// a - b * trunc(a / b): the sign of a.
Tensor fmod(const Arg& a, const Arg& b);
/// a to the power b. Gradients as PyTorch: 0 for b where a = 0 and b >= 0. Errors: integers to a
/// negative integer.
Tensor pow(const Arg& a, const Arg& b);
/// pow in f64.
Tensor float_power(const Arg& a, const Arg& b);
/// NaN when either is NaN; equal operands get half of the gradient each.
Tensor maximum(const Arg& a, const Arg& b);
Tensor minimum(const Arg& a, const Arg& b);
/// The other operand where one is NaN.
Tensor fmax(const Arg& a, const Arg& b);
Tensor fmin(const Arg& a, const Arg& b);
Tensor atan2(const Arg& a, const Arg& b);
Tensor hypot(const Arg& a, const Arg& b);
Tensor copysign(const Arg& a, const Arg& b);
Tensor logaddexp(const Arg& a, const Arg& b);
Tensor logaddexp2(const Arg& a, const Arg& b);
/// a log(b), 0 where a = 0.
Tensor xlogy(const Arg& a, const Arg& b);
Tensor xlog1py(const Arg& a, const Arg& b);
/// a 2^b.
Tensor ldexp(const Arg& a, const Arg& b);
/// Of integers: the greatest common divisor, the least common multiple; no gradient. Ref: torch.gcd
Tensor gcd(const Arg& a, const Arg& b);
Tensor lcm(const Arg& a, const Arg& b);
/// 0, 1 or (where x = 0) `values`.
Tensor heaviside(const Arg& x, const Arg& values);
/// start + weight (end - start).
Tensor lerp(const Arg& start, const Arg& end, const Arg& weight);
/// x + value a b, x + value a / b.
Tensor addcmul(const Arg& x, const Arg& a, const Arg& b, const Arg& value = 1);
Tensor addcdiv(const Arg& x, const Arg& a, const Arg& b, const Arg& value = 1);

// ---- Bits and logic. ----
Tensor bitwise_and(const Arg& a, const Arg& b);
Tensor bitwise_or(const Arg& a, const Arg& b);
Tensor bitwise_xor(const Arg& a, const Arg& b);
Tensor bitwise_not(const Arg& x);
Tensor bitwise_left_shift(const Arg& a, const Arg& b);
Tensor bitwise_right_shift(const Arg& a, const Arg& b);
Tensor logical_and(const Arg& a, const Arg& b);
Tensor logical_or(const Arg& a, const Arg& b);
Tensor logical_xor(const Arg& a, const Arg& b);
Tensor logical_not(const Arg& x);

// ---- Comparisons, to bool. ----
Tensor eq(const Arg& a, const Arg& b);
Tensor ne(const Arg& a, const Arg& b);
Tensor lt(const Arg& a, const Arg& b);
Tensor le(const Arg& a, const Arg& b);
Tensor gt(const Arg& a, const Arg& b);
Tensor ge(const Arg& a, const Arg& b);
Tensor isnan(const Arg& x);
Tensor isinf(const Arg& x);
Tensor isposinf(const Arg& x);
Tensor isneginf(const Arg& x);
Tensor isfinite(const Arg& x);
/// |a - b| <= atol + rtol |b|.
Tensor isclose(const Arg& a, const Arg& b, Real rtol = 1e-5, Real atol = 1e-8,
               bool equal_nan = false);
/// Whether all elements are close, broadcast. Asks for the value. Ref: torch.allclose
bool allclose(const Arg& a, const Arg& b, Real rtol = 1e-5, Real atol = 1e-8,
              bool equal_nan = false);
/// Whether shapes and all elements are equal. Asks for the value. Ref: torch.equal
bool equal(const Arg& a, const Arg& b);
/// true throughout: there are no complex numbers. Ref: torch.isreal
Tensor isreal(const Arg& x);

// ---- Choices. ----
/// a where cond, else b. cond: bool; all three broadcast. No gradient leaks from the side not
/// taken.
Tensor where(const Arg& cond, const Arg& a, const Arg& b);
/// value where mask, else x. mask: bool, broadcasts to x.
Tensor masked_fill(const Arg& x, const Arg& mask, const Arg& value);
/// min(max(x, min), max); a bound that is {} does not bind. Gradient 1 inside and on the bounds.
/// Error when neither binds.
Tensor clamp(const Arg& x, const Bound& min = {}, const Bound& max = {});
Tensor clamp_min(const Arg& x, const Arg& min);
Tensor clamp_max(const Arg& x, const Arg& max);

/// The dtype that operands meet in: PyTorch's result_type.
DType result_type(const Arg& a, const Arg& b);

Tensor operator+(const Arg& a, const Arg& b);
Tensor operator-(const Arg& a, const Arg& b);
Tensor operator*(const Arg& a, const Arg& b);
Tensor operator/(const Arg& a, const Arg& b);
Tensor operator%(const Arg& a, const Arg& b);
Tensor operator-(const Arg& x);
inline Tensor operator+(const Tensor& x) { return x; }
/// Of integers, by a number or by integers: bitwise shifts.
template <std::derived_from<Tensor> T>
Tensor operator<<(const T& a, const Arg& b) {
  return bitwise_left_shift(a, b);
}
template <std::derived_from<Tensor> T>
Tensor operator>>(const T& a, const Arg& b) {
  return bitwise_right_shift(a, b);
}
Tensor operator~(const Arg& x);
Tensor operator&(const Arg& a, const Arg& b);
Tensor operator|(const Arg& a, const Arg& b);
Tensor operator^(const Arg& a, const Arg& b);
Tensor operator==(const Arg& a, const Arg& b);
Tensor operator!=(const Arg& a, const Arg& b);
Tensor operator<(const Arg& a, const Arg& b);
Tensor operator<=(const Arg& a, const Arg& b);
Tensor operator>(const Arg& a, const Arg& b);
Tensor operator>=(const Arg& a, const Arg& b);

}  // namespace lilith
