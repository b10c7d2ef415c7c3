#include <cmath>
#include <limits>
#include <numbers>

#include "lilith/ops/elementwise.h"
#include "ops/autocast.h"
#include "ops/define.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Error functions and the gamma family.
namespace lilith {
namespace ops {
namespace {

using T = const Tensor&;
constexpr double kPi = std::numbers::pi;
constexpr double kInf = std::numeric_limits<double>::infinity();

// Newton's steps on erf from a rational start (Winitzki), to full precision.
double erfinv_reference(double y) {
  if (y == 1) return kInf;
  if (y == -1) return -kInf;
  if (!(std::fabs(y) < 1)) return NAN;
  const double l = std::log1p(-y * y), a = 0.147, b = 2 / (kPi * a) + l / 2;
  double x = std::copysign(std::sqrt(std::sqrt(b * b - l / a) - b), y);
  for (int i = 0; i < 8; ++i) {
    const double error = std::fabs(y) > 0.5
                             ? std::copysign(1, y) * ((1 - std::fabs(y)) - std::erfc(std::fabs(x)))
                             : std::erf(x) - y;
    const double slope = 2 / std::sqrt(kPi) * std::exp(-x * x);
    if (slope == 0) break;
    x -= error / slope;
  }
  return x;
}

// Recurrence up to 10, then the asymptotic series; reflection for x < 0.
double digamma_reference(double x) {
  if (x == 0) return std::copysign(kInf, -x);
  if (x < 0) {
    if (x == std::floor(x)) return NAN;
    return digamma_reference(1 - x) - kPi / std::tan(kPi * (x - std::floor(x)));
  }
  double sum = 0;
  for (; x < 10; x += 1) sum -= 1 / x;
  const double r = 1 / (x * x);
  const double tail =
      r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r * (1.0 / 240 - r * (1.0 / 132)))));
  return sum + std::log(x) - 0.5 / x - tail;
}

Tensor gaussian(T x) { return exp(neg(mul(x, x))); }

const OpDef& erf_op = define(
    FloatUnary{"erf", [](double x) { return std::erf(x); }, kir::erf,
               [](T x, T, T ct) { return mul(ct, scale(gaussian(x), 2 / std::sqrt(kPi))); }});
const OpDef& erfc_op = define(
    FloatUnary{"erfc", [](double x) { return std::erfc(x); }, kir::erfc,
               [](T x, T, T ct) { return mul(ct, scale(gaussian(x), -2 / std::sqrt(kPi))); }});
const OpDef& erfinv_op = define(FloatUnary{
    "erfinv", erfinv_reference, kir::erfinv,
    [](T, T y, T ct) { return mul(ct, scale(exp(mul(y, y)), std::sqrt(kPi) / 2)); }, 30});
const OpDef& lgamma_op =
    define(FloatUnary{"lgamma", [](double x) { return std::lgamma(x); }, kir::lgamma,
                      [](T x, T, T ct) { return mul(ct, digamma(x)); }, 40});
const OpDef& digamma_op =
    define(FloatUnary{"digamma", digamma_reference, kir::digamma,
                      [](T x, T, T ct) { return mul(ct, polygamma(1, x)); }, 40});

// The n-th derivative of cot(pi x): a polynomial of c = cot(pi x), by dc/dx = -pi (1 + c^2).
Tensor cotangent_derivative(int n, const Tensor& x) {
  std::vector<double> p{0, 1};
  for (int k = 0; k < n; ++k) {
    std::vector<double> next(p.size() + 1, 0);
    for (std::size_t i = 1; i < p.size(); ++i) {
      const double slope = -kPi * static_cast<double>(i) * p[i];
      next[i - 1] += slope;
      next[i + 1] += slope;
    }
    p = std::move(next);
  }
  const Tensor angle = scale(x, kPi), c = div(cos(angle), sin(angle));
  Tensor out = full_as(c, p.back());
  for (std::size_t i = p.size() - 1; i-- > 0;) out = shift(mul(out, c), p[i]);
  return out;
}

// sum_{k >= 0} (x + k)^-s for x > 0: the first terms, then Euler and Maclaurin's formula.
Tensor hurwitz_zeta(int s, const Tensor& x) {
  constexpr int kTerms = 24;
  // B_2j / (2j)!
  constexpr double kBernoulli[] = {1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600,
                                   1.0 / 47900160};
  const auto inverse_power = [](const Tensor& v, int n) { return pow(v, full_as(v, -n)); };
  Tensor sum = inverse_power(x, s);
  for (int k = 1; k < kTerms; ++k) sum = add(sum, inverse_power(shift(x, k), s));
  const Tensor a = shift(x, kTerms);
  sum = add(sum, scale(inverse_power(a, s - 1), 1.0 / (s - 1)));
  sum = add(sum, scale(inverse_power(a, s), 0.5));
  double rising = s;  // s (s + 1) … (s + 2j - 2)
  for (int j = 1; j <= 5; ++j) {
    sum = add(sum, scale(inverse_power(a, s + 2 * j - 1), kBernoulli[j - 1] * rising));
    rising *= (s + 2.0 * j - 1) * (s + 2.0 * j);
  }
  return sum;
}

}  // namespace
}  // namespace ops

using namespace ops;

Tensor erf(const Arg& x) {
  LocScope scope(x.loc());
  return apply(erf_op, {floating(x)});
}
Tensor erfc(const Arg& x) {
  LocScope scope(x.loc());
  return apply(erfc_op, {floating(x)});
}
Tensor erfinv(const Arg& x) {
  LocScope scope(x.loc());
  return apply(erfinv_op, {lifted(floating(x))});
}
Tensor lgamma(const Arg& x) {
  LocScope scope(x.loc());
  return apply(lgamma_op, {floating(x)});
}
Tensor digamma(const Arg& x) {
  LocScope scope(x.loc());
  return apply(digamma_op, {floating(x)});
}

Tensor polygamma(Int n, const Arg& x) {
  LocScope scope(x.loc());
  LILITH_CHECK(n >= 0, "polygamma: n is {}; need n >= 0", n);
  LILITH_CHECK(n <= 170, "polygamma: n is {}; need n <= 170: n! is infinite in f64", n);
  if (n == 0) return digamma(x);
  const int order = static_cast<int>(n);
  const Tensor given = floating(x), t = widened(given);
  const double factor = std::tgamma(order + 1.0) * (order % 2 ? 1 : -1);
  // Reflection: psi_n(x) = -pi d^n/dx^n cot(pi x) - n! zeta(n + 1, 1 - x) for x < 0.
  const Tensor negative = compare("lt", t, 0);
  const Tensor zeta = hurwitz_zeta(order + 1, make_select(negative, sub(full_as(t, 1), t), t));
  const Tensor turn = make_select(negative, sub(t, round(t)), full_as(t, 0.25));
  const Tensor reflected =
      sub(scale(cotangent_derivative(order, turn), -kPi), scale(zeta, std::tgamma(order + 1.0)));
  return narrowed(make_select(negative, reflected, scale(zeta, factor)), given.dtype());
}

}  // namespace lilith
