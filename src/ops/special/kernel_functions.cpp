#include <cmath>
#include <limits>
#include <numbers>

#include "lilith/ops/special.h"
#include "ops/define.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

namespace lilith {
namespace ops {
namespace {

using T = const Tensor&;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kPi = std::numbers::pi;

// I_v(a) e^-a for a >= 0: by its asymptotic series where the function itself is too large
// (Abramowitz and Stegun, 9.7.1).
double scaled_i(double order, double a) {
  if (a < 600) return std::cyl_bessel_i(order, a) * std::exp(-a);
  double term = 1, sum = 1;
  for (int k = 1; k < 12; ++k) {
    const double odd = 2 * k - 1;
    sum += term *= -(4 * order * order - odd * odd) / (k * 8 * a);
  }
  return sum / std::sqrt(2 * kPi * a);
}
double i0e_reference(double x) { return scaled_i(0, std::fabs(x)); }
double i1e_reference(double x) { return std::copysign(scaled_i(1, std::fabs(x)), x); }
double grown(double y, double x) {
  const double half = std::exp(std::fabs(x) / 2);
  return y * half * half;
}
double i0_reference(double x) { return grown(i0e_reference(x), x); }
double i1_reference(double x) { return grown(i1e_reference(x), x); }

double erfcx_reference(double x) {
  if (x < 20) return std::exp(x * x) * std::erfc(x);
  const double v = 1 / (2 * x * x);
  double term = 1, sum = 1;
  for (int k = 1; k < 10; ++k) sum += term *= -(2 * k - 1) * v;
  return sum / (x * std::sqrt(kPi));
}

// Newton's steps on log Phi, or by symmetry.
double ndtri_reference(double p) {
  if (p == 0) return -kInf;
  if (p == 1) return kInf;
  if (!(p > 0 && p < 1)) return NAN;
  if (p > 0.5) return -ndtri_reference(1 - p);
  double z = -std::sqrt(-2 * std::log(p)) / 2;
  for (int i = 0; i < 60; ++i) {
    const double e = erfcx_reference(-z / std::sqrt(2)) / 2;
    const double step = (std::log(e) - z * z / 2 - std::log(p)) * e * std::sqrt(2 * kPi);
    z -= step;
    if (std::fabs(step) < 1e-16 * std::fabs(z)) break;
  }
  return z;
}

const OpDef& i0_op = define(FloatUnary{"i0", i0_reference, kir::i0,
                                       [](T x, T, T ct) { return mul(ct, special::i1(x)); }, 60});
const OpDef& i0e_op = define(
    FloatUnary{"i0e", i0e_reference, kir::i0e,
               [](T x, T y, T ct) { return mul(ct, sub(special::i1e(x), mul(sign(x), y))); }, 60});
// I_1(x) / x, which is 1/2 at 0.
Tensor over_x(T x, T y) {
  const Tensor zero = compare("eq", x, 0);
  return make_select(zero, full_as(x, 0.5), div(y, make_select(zero, full_as(x, 1), x)));
}
const OpDef& i1_op =
    define(FloatUnary{"i1", i1_reference, kir::i1,
                      [](T x, T y, T ct) { return mul(ct, sub(i0(x), over_x(x, y))); }, 60});
const OpDef& i1e_op =
    define(FloatUnary{"i1e", i1e_reference, kir::i1e,
                      [](T x, T y, T ct) {
                        return mul(ct, sub(sub(special::i0e(x), over_x(x, y)), mul(sign(x), y)));
                      },
                      60});
const OpDef& erfcx_op = define(FloatUnary{
    "erfcx", erfcx_reference, kir::erfcx,
    [](T x, T y, T ct) { return mul(ct, shift(scale(mul(x, y), 2), -2 / std::sqrt(kPi))); }, 60});
const OpDef& ndtri_op = define(FloatUnary{
    "ndtri", ndtri_reference, kir::ndtri,
    [](T, T y, T ct) { return mul(ct, scale(exp(scale(mul(y, y), 0.5)), std::sqrt(2 * kPi))); },
    90});

double entr_reference(double x) {
  return x > 0 ? -x * std::log(x) : x == 0 ? 0 : x < 0 ? -kInf : x;
}
kir::Expr entr_lowering(kir::Expr x) {
  kir::Pool& pool = x.pool();
  const kir::Expr y = pool.select(kir::eq(x, x.like(0)), x.like(0), -x * kir::log(x));
  return pool.select(kir::lt(x, x.like(0)), x.like(-kInf), y);
}
const OpDef& entr_op = define(FloatUnary{"entr", entr_reference, entr_lowering, [](T x, T, T ct) {
                                           return mul(ct, shift(neg(log(x)), -1));
                                         }});

Tensor of(const OpDef& op, const Arg& x) { return apply(op, {floating(x)}); }

}  // namespace
}  // namespace ops

using namespace ops;

Tensor i0(const Arg& x) {
  LocScope scope(x.loc());
  return of(i0_op, x);
}

namespace special {

Tensor i0(const Arg& x) {
  LocScope scope(x.loc());
  return lilith::i0(x);
}
Tensor i0e(const Arg& x) {
  LocScope scope(x.loc());
  return of(i0e_op, x);
}
Tensor i1(const Arg& x) {
  LocScope scope(x.loc());
  return of(i1_op, x);
}
Tensor i1e(const Arg& x) {
  LocScope scope(x.loc());
  return of(i1e_op, x);
}
Tensor modified_bessel_i0(const Arg& x) {
  LocScope scope(x.loc());
  return lilith::i0(x);
}
Tensor modified_bessel_i1(const Arg& x) {
  LocScope scope(x.loc());
  return i1(x);
}
Tensor entr(const Arg& x) {
  LocScope scope(x.loc());
  return of(entr_op, x);
}
Tensor erfcx(const Arg& x) {
  LocScope scope(x.loc());
  return of(erfcx_op, x);
}
Tensor ndtri(const Arg& x) {
  LocScope scope(x.loc());
  return of(ndtri_op, x);
}
Tensor ndtr(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(floating(x), [](const Tensor& t) {
    return scale(lilith::erfc(scale(t, -std::numbers::sqrt2 / 2)), 0.5);
  });
}
// Below -1 by erfcx, which does not vanish.
Tensor log_ndtr(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(floating(x), [](const Tensor& t) {
    constexpr double kRoot = std::numbers::sqrt2 / 2;
    const Tensor low = compare("lt", t, -1), cut = full_as(t, -1);
    const Tensor a = make_select(low, t, cut), b = make_select(low, cut, t);
    const Tensor tail = sub(log(scale(erfcx(scale(a, -kRoot)), 0.5)), scale(mul(a, a), 0.5));
    return make_select(low, tail, lilith::log1p(scale(lilith::erfc(scale(b, kRoot)), -0.5)));
  });
}
Tensor spherical_bessel_j0(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(floating(x), [](const Tensor& t) {
    const Tensor zero = compare("eq", t, 0), safe = make_select(zero, full_as(t, 1), t);
    const Tensor far = isinf(t);
    const Tensor y = make_select(zero, full_as(t, 1), div(sin(safe), safe));
    return make_select(far, full_as(t, 0), y);
  });
}

// ---- PyTorch's second names. ----

#define LILITH_SAME(name, function) \
  Tensor name(const Arg& x) {       \
    LocScope scope(x.loc());        \
    return lilith::function(x);     \
  }
LILITH_SAME(digamma, digamma)
LILITH_SAME(psi, digamma)
LILITH_SAME(erf, erf)
LILITH_SAME(erfc, erfc)
LILITH_SAME(erfinv, erfinv)
LILITH_SAME(exp2, exp2)
LILITH_SAME(expit, sigmoid)
LILITH_SAME(expm1, expm1)
LILITH_SAME(gammaln, lgamma)
LILITH_SAME(log1p, log1p)
LILITH_SAME(sinc, sinc)
#undef LILITH_SAME
Tensor logit(const Arg& x, std::optional<Real> eps) {
  LocScope scope(x.loc());
  return lilith::logit(x, eps);
}
Tensor log_softmax(const Arg& x, Dim dim) {
  LocScope scope(x.loc());
  return lilith::log_softmax(x, dim);
}
Tensor softmax(const Arg& x, Dim dim) {
  LocScope scope(x.loc());
  return lilith::softmax(x, dim);
}
Tensor logsumexp(const Arg& x, const IntList& dim, bool keepdim) {
  LocScope scope(x.loc());
  return lilith::logsumexp(x, dim, keepdim);
}
Tensor multigammaln(const Arg& x, Int p) {
  LocScope scope(x.loc());
  return mvlgamma(x, p);
}
Tensor polygamma(Int n, const Arg& x) {
  LocScope scope(x.loc());
  return lilith::polygamma(n, x);
}
Tensor round(const Arg& x, Int decimals) {
  LocScope scope(x.loc());
  return lilith::round(x, decimals);
}
Tensor xlogy(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  return lilith::xlogy(a, b);
}
Tensor xlog1py(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  return lilith::xlog1py(a, b);
}

}  // namespace special
}  // namespace lilith
