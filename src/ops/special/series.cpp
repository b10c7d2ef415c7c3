#include "ops/special/series.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace lilith::ops::series {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kEpsilon = 0x1p-53;

// x^a e^-x / Gamma(a).
double density(double a, double x) { return std::exp(a * std::log(x) - x - std::lgamma(a)); }

// P(a, x) = x^a e^-x / Gamma(a) sum_k x^k / (a (a + 1) … (a + k)), for x below about a.
double lower_series(double a, double x) {
  double term = 1 / a, sum = term;
  for (double k = a + 1; std::fabs(term) > kEpsilon * sum; ++k) sum += term *= x / k;
  return sum * density(a, x);
}

// Q(a, x) by its continued fraction, evaluated as Lentz does (W. Press et al., "Numerical Recipes",
// 6.2).
double upper_fraction(double a, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / (b == 0 ? kTiny : b), out = d;
  for (double i = 1; i < 1e7; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    if (std::fabs(d) < kTiny) d = kTiny;
    c = b + an / c;
    if (std::fabs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double step = d * c;
    out *= step;
    if (std::fabs(step - 1) < 4 * kEpsilon) break;
  }
  return out * density(a, x);
}

}  // namespace

double gammainc(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return NAN;
  if (a == 0) return x > 0 ? 1 : NAN;
  if (x == 0) return 0;
  if (std::isinf(a)) return std::isinf(x) ? NAN : 0;
  if (std::isinf(x)) return 1;
  return x < a + 1 ? lower_series(a, x) : 1 - upper_fraction(a, x);
}

double gammaincc(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return NAN;
  if (a == 0) return x > 0 ? 0 : NAN;
  if (x == 0) return 1;
  if (std::isinf(a)) return std::isinf(x) ? NAN : 1;
  if (std::isinf(x)) return 0;
  return x < a + 1 ? 1 - lower_series(a, x) : upper_fraction(a, x);
}

// The first terms, then Euler's and Maclaurin's formula.
double zeta(double x, double q) {
  constexpr double kBernoulli[] = {1.0 / 12,         -1.0 / 720,     1.0 / 30240,
                                   -1.0 / 1209600,   1.0 / 47900160, -691.0 / 1307674368000,
                                   1.0 / 74724249600};  // B_2j / (2j)!
  if (std::isnan(x) || std::isnan(q) || x < 1) return NAN;
  if (x == 1) return kInf;
  if (q <= 0) {
    if (q == std::floor(q)) return kInf;
    if (x != std::floor(x)) return NAN;  // powers of negative numbers
  }
  double sum = 0;
  for (; q < 12; ++q) {
    const double term = std::pow(q, -x);
    sum += term;
    if (q > 1 && term < kEpsilon * kEpsilon * sum) return sum;
  }
  const double power = std::pow(q, -x);
  sum += power * (q / (x - 1) + 0.5);
  double rising = x, scale = power / q;  // x (x + 1) … and q^(-x - 1) …
  for (int j = 1; j <= 7; ++j) {
    sum += kBernoulli[j - 1] * rising * scale;
    rising *= (x + 2 * j - 1) * (x + 2 * j);
    scale /= q * q;
  }
  return sum;
}

// The integral over t >= 0 of e^(-x (cosh t - 1)) cosh(order t): the trapezoidal rule errs by less
// than the rounding, for the integrand is analytic and dies away (L. Trefethen and J. Weideman,
// "The exponentially convergent trapezoidal rule", SIAM Review 56, 2014).
double scaled_k(double order, double x) {
  const double h = std::fmin(0.25, 0.7 / std::sqrt(x));
  double sum = 0.5;
  for (int k = 1;; ++k) {
    const double t = k * h, s = std::sinh(t / 2);
    const double exponent = -2 * x * s * s;  // of -x (cosh t - 1)
    const double term = 0.5 * (std::exp(exponent + order * t) + std::exp(exponent - order * t));
    sum += term;
    if (term < kEpsilon * 0.01 * sum && exponent < -1) return sum * h;
  }
}

namespace {

double scaled_of(double order, double x) {
  if (std::isnan(x) || x < 0) return NAN;
  if (x == 0) return kInf;
  return std::isinf(x) ? 0 : scaled_k(order, x);
}

}  // namespace

double scaled_modified_bessel_k0(double x) { return scaled_of(0, x); }
double scaled_modified_bessel_k1(double x) { return scaled_of(1, x); }
double modified_bessel_k0(double x) {
  return x > 0 ? scaled_of(0, x) * std::exp(-x) : scaled_of(0, x);
}
double modified_bessel_k1(double x) {
  return x > 0 ? scaled_of(1, x) * std::exp(-x) : scaled_of(1, x);
}

// By Bessel functions of order 1/3 (Abramowitz and Stegun, 10.4.14 and 10.4.15).
double airy_ai(double x) {
  constexpr double kThird = 1.0 / 3, kAtZero = 0.35502805388781723926;
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return x > 0 ? 0 : NAN;
  const double a = std::fabs(x), zeta = 2 * a * std::sqrt(a) / 3;
  if (zeta < 1e-150) return kAtZero;
  if (x > 0) return std::sqrt(a / 3) / std::numbers::pi * scaled_k(kThird, zeta) * std::exp(-zeta);
  const double j = std::cyl_bessel_j(kThird, zeta), y = std::cyl_neumann(kThird, zeta);
  // J_-v = cos(v pi) J_v - sin(v pi) Y_v.
  const double other = 0.5 * j - std::sqrt(3.0) / 2 * y;
  return std::sqrt(a) / 3 * (j + other);
}

namespace {

/// p_0 = 1, p_1 = first, p_(k+1) = next(k, p_k, p_(k-1)).
template <class Next>
double recurrence(double n, double first, Next&& next) {
  if (!std::isfinite(n)) return n < 0 ? 0 : NAN;
  const double degree = std::trunc(n);
  if (degree < 0) return 0;
  double before = 1, at = first;
  if (degree == 0) return before;
  for (double k = 1; k < degree; ++k) {
    const double after = next(k, at, before);
    before = at;
    at = after;
    if (std::isnan(at)) break;
  }
  return at;
}

double chebyshev(double x, double n, double first) {
  return recurrence(n, first, [x](double, double p, double q) { return 2 * x * p - q; });
}

}  // namespace

double chebyshev_t(double x, double n) { return chebyshev(x, n, x); }
double chebyshev_u(double x, double n) { return chebyshev(x, n, 2 * x); }
double chebyshev_v(double x, double n) { return chebyshev(x, n, 2 * x - 1); }
double chebyshev_w(double x, double n) { return chebyshev(x, n, 2 * x + 1); }
double hermite_h(double x, double n) {
  return recurrence(n, 2 * x, [x](double k, double p, double q) { return 2 * (x * p - k * q); });
}
double hermite_he(double x, double n) {
  return recurrence(n, x, [x](double k, double p, double q) { return x * p - k * q; });
}
double laguerre_l(double x, double n) {
  return recurrence(n, 1 - x, [x](double k, double p, double q) {
    return ((2 * k + 1 - x) * p - k * q) / (k + 1);
  });
}
double legendre_p(double x, double n) {
  return recurrence(
      n, x, [x](double k, double p, double q) { return ((2 * k + 1) * x * p - k * q) / (k + 1); });
}

}  // namespace lilith::ops::series
