#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/dtype_limits.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "ops/autocast.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Elementwise functions made of the primitives.
namespace lilith {

using namespace ops;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor zero_where(const Tensor& cond, const Tensor& x) { return masked(logical_not(cond), x); }

// Operands of `dtype` as composites compute with them.
Operands wide_operands(const char* op, const Arg& a, const Arg& b, DType dtype) {
  const Operands o = broadcast_operands(op, a, b, dtype);
  return {widened(o.a), widened(o.b)};
}

// max + log1p(base^-|a - b|), with the slope 1/2 where a = b; infinities of one sign stay.
template <class Exp, class Log>
Tensor log_sum(const char* op, const Arg& a, const Arg& b, Exp&& exponential, Log&& log_of) {
  const DType dtype = floating_type(ops::result_type({&a, &b}));
  const Operands o = wide_operands(op, a, b, dtype);
  const Tensor a_wins = gt(o.a, o.b);
  const Tensor top = make_select(a_wins, o.a, o.b), low = make_select(a_wins, o.b, o.a);
  const Tensor same_infinity = logical_and(eq(o.a, o.b), isinf(o.a));
  const Tensor gap = zero_where(
      same_infinity, sub(zero_where(same_infinity, low), zero_where(same_infinity, top)));
  return narrowed(make_select(same_infinity, o.a, add(top, log_of(exponential(gap)))), dtype);
}

}  // namespace

Tensor reciprocal(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = lifted(floating(x));
  return div(full_as(t, 1), t);
}
Tensor square(const Arg& x) {
  LocScope scope(x.loc());
  return pow(x.tensor(), 2);
}
Tensor frac(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(is_floating(t.dtype()), "frac: got {}; need a floating dtype", t.aval().str());
  return sub(t, trunc(t));
}
Tensor logit(const Arg& x, std::optional<Real> eps) {
  LocScope scope(x.loc());
  const DType dtype = floating_type(x.tensor().dtype());
  Tensor t = widened(floating(x));
  // Below eps first: with eps > 0.5 both bounds apply, and PyTorch takes this one.
  if (eps) {
    const Tensor low = full_as(t, *eps), high = full_as(t, 1 - *eps);
    t = make_select(lt(t, low), low, make_select(gt(t, high), high, t));
  }
  // Outside of [0, 1] the gradient is NaN, as the value is.
  const Tensor outside = logical_or(compare("lt", t, 0), compare("gt", t, 1));
  t = mul(t, make_select(outside, full_as(t, std::nan("")), full_as(t, 1)));
  return narrowed(log(div(t, sub(full_as(t, 1), t))), dtype);
}
Tensor sinc(const Arg& x) {
  LocScope scope(x.loc());
  return rounded_once(floating(x), [](const Tensor& wide) {
    const Tensor t = scale(wide, std::numbers::pi);
    // By the series near 0, where the slope of the quotient would cancel.
    const Tensor near = compare("lt", abs(t), 0.5), small = masked(near, t);
    const Tensor square = mul(small, small);
    constexpr int kTerms = 8;
    Tensor series = full_as(t, 1);
    for (int k = kTerms; k > 0; --k)
      series = shift(scale(mul(series, square), -1.0 / (2 * k * (2 * k + 1))), 1);
    const Tensor safe = make_select(near, full_as(t, 1), t);
    return make_select(near, series, div(sin(safe), safe));
  });
}
Tensor deg2rad(const Arg& x) {
  LocScope scope(x.loc());
  return scale(floating(x), std::numbers::pi / 180);
}
Tensor rad2deg(const Arg& x) {
  LocScope scope(x.loc());
  return scale(floating(x), 180 / std::numbers::pi);
}
Tensor signbit(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  if (!is_floating(t.dtype())) return compare("lt", t, 0);
  // 1 / -0 = -inf tells the zeros apart.
  return logical_or(compare("lt", t, 0),
                    logical_and(compare("eq", t, 0), compare("lt", reciprocal(t), 0)));
}
Tensor nan_to_num(const Arg& x, Real nan, std::optional<Real> posinf, std::optional<Real> neginf) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  if (!is_floating(t.dtype())) return t;
  const double high = posinf.value_or(largest_finite(t.dtype())),
               low = neginf.value_or(-largest_finite(t.dtype()));
  Tensor out = make_select(ne(t, t), full_as(t, nan), t);
  out = make_select(compare("eq", t, kInf), full_as(t, high), out);
  return make_select(compare("eq", t, -kInf), full_as(t, low), out);
}

Tensor fmax(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const Operands o = broadcast_operands("fmax", a, b, ops::result_type({&a, &b}));
  if (!is_floating(o.a.dtype())) return maximum(o.a, o.b);
  return make_select(isnan(o.a), o.b, make_select(isnan(o.b), o.a, maximum(o.a, o.b)));
}
Tensor fmin(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const Operands o = broadcast_operands("fmin", a, b, ops::result_type({&a, &b}));
  if (!is_floating(o.a.dtype())) return minimum(o.a, o.b);
  return make_select(isnan(o.a), o.b, make_select(isnan(o.b), o.a, minimum(o.a, o.b)));
}
Tensor hypot(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const DType dtype = floating_type(ops::result_type({&a, &b}));
  const Operands o = wide_operands("hypot", a, b, dtype);
  // Scaled where the squares would overflow or vanish.
  const Tensor size = stop_gradient(maximum(abs(o.a), abs(o.b)));
  const Tensor fits = logical_and(compare("gt", size, 0x1p-60), compare("lt", size, 0x1p60));
  const Tensor odd = logical_or(compare("eq", size, 0), logical_not(isfinite(size)));
  const Tensor unit = make_select(logical_or(fits, odd), full_as(size, 1), size);
  const Tensor a1 = div(o.a, unit), b1 = div(o.b, unit);
  const Tensor root = mul(unit, sqrt_flat_at_zero(add(mul(a1, a1), mul(b1, b1))));
  // Of what is infinite infinite, whatever the other is: a NaN too.
  const Tensor endless = logical_or(isinf(o.a), isinf(o.b));
  return narrowed(
      make_select(endless, full_as(root, std::numeric_limits<double>::infinity()), root), dtype);
}
Tensor copysign(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const Operands o =
      broadcast_operands("copysign", a, b, floating_type(ops::result_type({&a, &b})));
  const Tensor size = abs(o.a);
  return make_select(signbit(o.b), neg(size), size);
}
Tensor logaddexp(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  return log_sum(
      "logaddexp", a, b, [](const Tensor& t) { return exp(t); },
      [](const Tensor& t) { return log1p(t); });
}
Tensor logaddexp2(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  return log_sum(
      "logaddexp2", a, b, [](const Tensor& t) { return exp2(t); },
      [](const Tensor& t) { return scale(log1p(t), 1 / std::numbers::ln2); });
}
namespace {

// b, but pole + 1 (of logarithm 0) where a is 0 and the logarithm of b is infinite or undefined:
// 0 wins there. Elsewhere the gradient of a is the logarithm, at a = 0 too.
Tensor one_where_zero_wins(const Tensor& a, const Tensor& b, double pole) {
  const Tensor no_log = logical_or(compare("le", b, pole), compare("eq", b, kInf));
  return make_select(logical_and(compare("eq", a, 0), no_log), full_as(b, pole + 1), b);
}

}  // namespace

Tensor xlogy(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const DType dtype = floating_type(ops::result_type({&a, &b}));
  const Operands o = wide_operands("xlogy", a, b, dtype);
  return narrowed(mul(o.a, log(one_where_zero_wins(o.a, o.b, 0))), dtype);
}
Tensor xlog1py(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const DType dtype = floating_type(ops::result_type({&a, &b}));
  const Operands o = wide_operands("xlog1py", a, b, dtype);
  return narrowed(mul(o.a, log1p(one_where_zero_wins(o.a, o.b, -1))), dtype);
}
Tensor ldexp(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const DType dtype = floating_type(ops::result_type({&a, &b}));
  if (!is_half(dtype)) return mul(a, pow(full_as(floating(b), 2), b));
  const Operands o = wide_operands("ldexp", a, b, dtype);
  return narrowed(mul(o.a, exp2(o.b)), dtype);
}
namespace {

// f of three operands as one op: those that are halves are widened, and so is a number's meaning.
template <class F>
Tensor in_wide(const std::array<const Arg*, 3>& in, F&& f) {
  const DType dtype = ops::result_type({in[0], in[1], in[2]});
  if (!is_half(dtype)) return f(*in[0], *in[1], *in[2]);
  const auto wide = [](const Arg& x) { return x.is_scalar() ? x : Arg(widened(x.tensor())); };
  return narrowed(f(wide(*in[0]), wide(*in[1]), wide(*in[2])), dtype);
}

}  // namespace

Tensor heaviside(const Arg& x, const Arg& values) {
  LocScope scope(x.loc());
  const Operands o = broadcast_operands("heaviside", x, values, ops::result_type({&x, &values}));
  return make_select(compare("eq", o.a, 0), o.b, make_cast(compare("gt", o.a, 0), o.a.dtype()));
}
Tensor lerp(const Arg& start, const Arg& end, const Arg& weight) {
  LocScope scope(start.loc());
  return in_wide({&start, &end, &weight}, [](const Arg& s, const Arg& e, const Arg& w) {
    return add(s, mul(w, sub(e, s)));
  });
}
Tensor addcmul(const Arg& x, const Arg& a, const Arg& b, const Arg& value) {
  LocScope scope(x.loc());
  return in_wide({&x, &a, &b}, [&](const Arg& x, const Arg& a, const Arg& b) {
    const Tensor product = mul(a, b);
    return add(x, constant_value(value) == 1.0 ? product : mul(product, value));
  });
}
Tensor addcdiv(const Arg& x, const Arg& a, const Arg& b, const Arg& value) {
  LocScope scope(x.loc());
  return in_wide({&x, &a, &b}, [&](const Arg& x, const Arg& a, const Arg& b) {
    const Tensor quotient = div(a, b);
    return add(x, constant_value(value) == 1.0 ? quotient : mul(quotient, value));
  });
}

Tensor isnan(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return apply("ne", {t, t});
}
Tensor isposinf(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return is_floating(t.dtype()) ? compare("eq", t, kInf)
                                : make_full(t.shape(), 0, DType::Bool, t.device());
}
Tensor isneginf(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return is_floating(t.dtype()) ? compare("eq", t, -kInf)
                                : make_full(t.shape(), 0, DType::Bool, t.device());
}
Tensor isinf(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return is_floating(t.dtype()) ? compare("eq", abs(t), kInf) : isposinf(t);
}
Tensor isfinite(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return is_floating(t.dtype()) ? compare("lt", abs(t), kInf)
                                : make_full(t.shape(), 1, DType::Bool, t.device());
}
Tensor isclose(const Arg& a, const Arg& b, Real rtol, Real atol, bool equal_nan) {
  LocScope scope(a.loc());
  const DType dtype = ops::result_type({&a, &b});
  const Operands o = wide_operands("isclose", a, b, dtype);
  Tensor close = eq(o.a, o.b);
  if (equal_nan) close = logical_or(close, logical_and(isnan(o.a), isnan(o.b)));
  if (rtol == 0 && atol == 0) return close;
  const Tensor x = floating(o.a), y = floating(o.b);
  const Tensor allowed = shift(abs(scale(y, rtol)), atol), off = abs(sub(x, y));
  return logical_or(close, logical_and(isfinite(off), le(off, allowed)));
}
bool allclose(const Arg& a, const Arg& b, Real rtol, Real atol, bool equal_nan) {
  LocScope scope(a.loc());
  return all(isclose(a, b, rtol, atol, equal_nan)).item<bool>();
}
bool equal(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  return a.tensor().shape() == b.tensor().shape() && all(eq(a, b)).item<bool>();
}
Tensor isreal(const Arg& x) {
  LocScope scope(x.loc());
  return make_full(x.tensor().shape(), 1, DType::Bool, x.tensor().device());
}
Tensor mvlgamma(const Arg& x, Int p) {
  LocScope scope(x.loc());
  LILITH_CHECK(p >= 1, "mvlgamma: p is {}; need p >= 1", p);
  return rounded_once(floating(x), [&](const Tensor& t) {
    Tensor total = full_as(
        t, static_cast<double>(p) * static_cast<double>(p - 1) / 4 * std::log(std::numbers::pi));
    for (int j = 0; j < p; ++j) total = add(total, lgamma(shift(t, -0.5 * static_cast<double>(j))));
    return total;
  });
}

}  // namespace lilith
