#include "kernel_ir/math_detail.h"

namespace lilith::kir {

using namespace detail;

// e^2a - 1 = t gives tanh a = t / (t + 2), never above 1 and accurate near 0.
Expr tanh(Expr x) {
  const Expr a = at_most(abs(x), is_f32(x) ? 10 : 22);
  const Expr t = expm1_core(a * 2);
  return with_sign(t / (t + 2), x);
}

namespace {

/// e^|x| / 2 without overflow before the result's own.
Expr half_exp(Expr a) {
  const ExpParts p = exp_parts(at_most(a, is_f32(a) ? 91 : 712));
  return (p.tail + 1) * p.scale * (p.scale * 0.5);
}

}  // namespace

Expr sinh(Expr x) {
  Pool& pool = x.pool();
  const Expr a = abs(x), h = half_exp(a), z = x * x;
  const Expr far = with_sign(h - 0.25 / h, x);
  const Expr p =
      is_f32(x) ? polynomial(z, {0.1666666716337204, 0.008333311416208744, 0.00019842601614072919,
                                 2.7843734642374329e-6})
                : polynomial(z, {0.16666666666666666, 0.0083333333333333332, 0.00019841269841269586,
                                 2.7557319224122917e-6, 2.505210834493234e-8, 1.605905080590672e-10,
                                 7.6464692133580316e-13, 2.8486015826461068e-15});
  const Expr near = with_sign(pool.multiply_add(a * z, p, a), x);
  return pool.select(lt(a, x.like(1)), near, far);
}

Expr cosh(Expr x) {
  const Expr h = half_exp(abs(x));
  return h + 0.25 / h;
}

// log1p(a + a^2 / (1 + sqrt(1 + a^2))); for large a, where a^2 might overflow, log(a) + log 2.
Expr asinh(Expr x) {
  Pool& pool = x.pool();
  const Expr a = abs(x);
  const Expr large = lt(pick(x, 0x1p30, 0x1p500), a);
  const Expr b = pool.select(large, x.like(1), a), z = b * b;
  const Expr near = b + z / (sqrt(z + 1) + 1);
  const Expr y = log1p(pool.select(large, a, near));
  return with_sign(y + pool.select(large, x.like(0.69314718055994531), x.like(0)), x);
}

// log1p(t + sqrt(2t + t^2)) with t = x - 1; NaN below 1 comes out of the root.
Expr acosh(Expr x) {
  Pool& pool = x.pool();
  const Expr large = lt(pick(x, 0x1p30, 0x1p500), x);
  const Expr t = pool.select(large, x.like(1), x) - 1;
  const Expr near = t + sqrt(t * (t + 2));
  const Expr y = log1p(pool.select(large, x, near));
  const Expr r = y + pool.select(large, x.like(0.69314718055994531), x.like(0));
  return pool.select(lt(x, x.like(1)), nan(x), r);
}

Expr atanh(Expr x) {
  const Expr a = abs(x);
  return with_sign(log1p((a + a) / (1.0 - a)) * 0.5, x);
}

}  // namespace lilith::kir
