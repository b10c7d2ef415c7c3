#include <cmath>

#include "kernel_ir/math_detail.h"

namespace lilith::kir {

using namespace detail;

// Reduction by an even multiple of ln 2 gives one power of two that is used twice: results down to
// the smallest denormal and up to overflow come out of two plain multiplications.
Expr exp(Expr x) {
  const bool single = is_f32(x);
  const ExpParts p = exp_parts(at_least(at_most(x, single ? 89 : 710), single ? -104 : -746));
  return (p.tail + 1) * p.scale * p.scale;
}

Expr exp2(Expr x) {
  const bool single = is_f32(x);
  return exp2_parts(at_least(at_most(x, single ? 129 : 1025), single ? -151 : -1076), {});
}

Expr detail::expm1_core(Expr x) {
  const ExpParts p = exp_parts(x);
  // s*s*(1 + tail) - 1 = s*(s*tail + (s - 1/s)), and 1/s by its exponent.
  const std::int64_t twice_bias = is_f32(x) ? 0x7f000000 : 0x7fe0000000000000;
  const Expr inverse =
      from_bits(x.pool().integer(twice_bias, bits_dtype(x)) - to_bits(p.scale), x->dtype);
  return p.scale * x.pool().multiply_add(p.scale, p.tail, p.scale - inverse);
}

Expr expm1(Expr x) {
  const bool single = is_f32(x);
  const Expr y = expm1_core(at_least(at_most(x, single ? 89 : 710), single ? -30 : -60));
  return x.pool().select(eq(x, x.like(0)), x, y);  // keeps -0
}

Expr sigmoid(Expr x) {
  const Expr e = exp(-abs(x));
  const Expr r = 1.0 / (e + 1);
  return x.pool().select(lt(x, x.like(0)), e * r, r);
}

namespace {

/// A logarithm's base: 1/ln(base) and log_base(2), each in two parts (high parts of few bits where
/// they multiply the exponent), and for F32 (log_base(1+f) - f/ln(base)) / f^2 as a polynomial.
struct Base {
  double scale[2][2];  // [F32, F64][high, low]
  double two[2][2];
  std::initializer_list<double> tail;
};

const Base kNatural = {{{1, 0}, {1, 0}},
                       {{0x1.62e4p-1, 0x1.7f7d1cp-20}, {0x1.62e42fefa38p-1, 0x1.ef35793c7673p-45}},
                       {-0.49999988079071045, 0.3333333432674408, -0.25001633167266846,
                        0.20001411437988281, -0.16607047617435455, 0.14191989600658417,
                        -0.13273052871227264, 0.12850719690322876, -0.074762329459190369}};
const Base kBinary = {
    {{0x1.715476p+0, 0x1.4ae0cp-26}, {0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56}},
    {{1, 0}, {1, 0}},
    {-0.72134733200073242, 0.48089823126792908, -0.36069664359092712, 0.28856763243675232,
     -0.23961721360683441, 0.20459692180156708, -0.19106288254261017, 0.18619914352893829,
     -0.10997604578733444}};
const Base kDecimal = {
    {{0x1.bcb7b2p-2, -0x1.5b235ep-27}, {0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57}},
    {{0x1.344p-2, 0x1.3509f8p-18}, {0x1.34413509f78p-2, 0x1.fef311f12b358p-46}},
    {-0.21714718639850616, 0.14476479589939117, -0.10858050733804703, 0.08686751127243042,
     -0.072131969034671783, 0.061589807271957397, -0.057515658438205719, 0.056051526218652725,
     -0.033106088638305664}};

/// log(1 + f) = 2 atanh(s), s = f / (2 + f): 2 s + s^3 * (polynomial in s^2). F64.
Expr atanh_tail(Expr s2) {
  return polynomial(s2, {0.66666666666666663, 0.39999999999999936, 0.28571428571458762,
                         0.22222222215308199, 0.18181819076659381, 0.15384545542354475,
                         0.13336682689358026, 0.11668427879102854, 0.12035834863180267});
}

/// log_base(2^e * (1 + f)).
Expr log_parts(Expr f, Expr e, const Base& base) {
  Pool& pool = f.pool();
  const bool single = is_f32(f);
  const double* scale = base.scale[single ? 0 : 1];
  const double* two = base.two[single ? 0 : 1];
  Expr low;
  if (single) {
    low = f * f * polynomial(f, base.tail);
    if (scale[1] != 0) low = pool.multiply_add(f, f.like(scale[1]), low);
  } else {
    // log(1+f) = f - s*(f - 2s... ) written so that f carries the leading digits.
    const Expr s = f / (f + 2), s2 = s * s;
    const Expr rest = s * (s2 * atanh_tail(s2) - f);  // log(1+f) - f, from 2s = f - s f
    low = scale[0] == 1 ? rest : pool.multiply_add(rest, f.like(scale[0]), f * scale[1]);
  }
  if (two[1] != 0) low = pool.multiply_add(e, e.like(two[1]), low);
  // The large part last: e * two is exact, f * scale is inside the Fma.
  const Expr near = scale[0] == 1 ? f + low : pool.fma(f, f.like(scale[0]), low);
  return pool.multiply_add(e, e.like(two[0]), near);
}

/// The values of a logarithm at 0, at negative numbers, at infinity and at NaN.
Expr log_special(Expr x, Expr y) {
  Pool& pool = x.pool();
  const Expr zero = x.like(0);
  y = pool.select(lt(x, infinity(x)), y, x);
  return pool.select(le(x, zero), pool.select(eq(x, zero), -infinity(x), nan(x)), y);
}

Expr log_base(Expr x, const Base& base) {
  const Mantissa p = split_exponent(x);
  return log_special(x, log_parts(p.m - 1, p.e, base));
}

}  // namespace

Expr log(Expr x) { return log_base(x, kNatural); }
Expr log2(Expr x) { return log_base(x, kBinary); }
Expr log10(Expr x) { return log_base(x, kDecimal); }

Expr log1p(Expr x) {
  Pool& pool = x.pool();
  const bool single = is_f32(x);
  const int mantissa_bits = single ? 23 : 52;
  // u = 1 + x gives the exponent alone; the mantissa f = (1 + x) / 2^e - 1 is formed from x by
  // an exact product. All by 1/4, so that 2^-e is normal for the largest x.
  const Expr u = x + 1;
  const Expr half_root = pool.integer(single ? 0x3f3504f3 : 0x3fe6a09e667f3bcd, bits_dtype(x));
  const Expr e_bits = shift_right(to_bits(u) - half_root, mantissa_bits);
  const Expr four = pool.integer(single ? 0x40800000 : 0x4010000000000000, bits_dtype(x));
  const Expr scale = from_bits(four - shift_left(e_bits, mantissa_bits), x->dtype);  // 4 / 2^e
  const Expr f = pool.multiply_add(x * 0.25, scale, scale * 0.25 - 1);
  const Expr y = log_special(u, log_parts(f, pool.cast(e_bits, x->dtype), kNatural));
  return pool.select(lt(abs(x), pick(x, 0x1p-25, 0x1p-54)), x, y);
}

namespace {

/// (log2((1+s)/(1-s)) - 2/ln2 * s - c s^3) / s^5, where c is near 2/(3 ln 2), of s^2.
Expr log2_series(Expr s2) {
  return is_f32(s2) ? polynomial(s2, {0.5770920515060425, 0.41115066409111023, 0.3502718508243561})
                    : polynomial(s2, {0.5770780163555844, 0.412198583111568, 0.32059889787557694,
                                      0.2623082021623684, 0.22195207560285207, 0.19240765977846508,
                                      0.1683398303615221, 0.17364039270068665});
}

/// log2(x) for x > 0 to about twice the precision of x: high + low.
struct TwoPart {
  Expr high, low;
};
TwoPart log2_parts(Expr x) {
  Pool& pool = x.pool();
  const Mantissa p = split_exponent(x);
  // s = (m - 1) / (m + 1) in two parts.
  const Expr f = p.m - 1, d = p.m + 1, d_low = p.m - (d - 1);
  const Expr inverse = 1.0 / d, s = f * inverse;
  const Expr s_low = (pool.fma(-s, d, f) - s * d_low) * inverse;
  // log2(m) = 2/ln2 * (s + s^3/3 + …). s^3 too is taken in two parts: y * log2(x) magnifies its
  // error.
  const Expr k = pick(x, 0x1.715476p+1, 0x1.71547652b82fep+1);
  const Expr k_low = pick(x, 0x1.4ae0cp-25, 0x1.777d0ffda0d24p-55);
  const Expr a0 = s * k, a0_low = pool.fma(s, k, -a0) + pool.multiply_add(s_low, k, s * k_low);
  const Expr s2 = s * s, s2_low = pool.fma(s, s, -s2) + s * s_low * 2;
  const Expr c = pick(x, 0x1.ec709c0000000p-1, 0x1.ec709dc3a03fdp-1);
  const Expr c_low = pick(x, -0x1.4682f00000000p-28, 0x1.d27f05548af0cp-55);
  const Expr more = s2 * s2 * log2_series(s2);
  const Expr cubic = s2 * c, u = cubic + more;
  const Expr u_low =
      (cubic - u) + more + (pool.fma(s2, c, -cubic) + pool.multiply_add(s2_low, c, s2 * c_low));
  const Expr b = s * u, b_low = pool.fma(s, u, -b) + pool.multiply_add(s, u_low, s_low * u);
  const Expr a = a0 + b, a_low = (a0 - a) + b + (a0_low + b_low);
  const Expr high = p.e + a, low = (p.e - high) + a + a_low;
  const Expr sum = high + low;
  return {sum, low - (sum - high)};
}

Expr is_integer(Expr y) { return eq(y, floor(y)); }

}  // namespace

Expr pow(Expr x, Expr y) {
  Pool& pool = x.pool();
  if (y.is_const(1)) return x;
  if (y.is_const(2)) return x * x;
  if (y.is_const(3)) return x * x * x;
  if (y.is_const(-1)) return 1.0 / x;
  const bool single = is_f32(x);
  const Expr zero = x.like(0), one = x.like(1), ax = abs(x);
  const TwoPart l = log2_parts(ax);
  // At 0 and infinity the logarithm is infinite and has no low part.
  const Expr finite = logical_and(lt(zero, ax), lt(ax, infinity(x)));
  const Expr high = pool.select(finite, l.high, pool.select(eq(ax, zero), -infinity(x), ax));
  const Expr limit = pick(x, 160, 1100);
  const Expr product = y * high;
  const Expr in_range = lt(abs(product), limit);
  const Expr low = pool.select(in_range, pool.fma(y, high, -product) + y * l.low, zero);
  const Expr clamped = at_least(at_most(product, single ? 160 : 1100), single ? -160 : -1100);
  Expr r = exp2_parts(clamped, low);
  // A negative base: the sign of an odd power, NaN for what is no integer.
  const Expr odd = logical_and(is_integer(y), logical_not(is_integer(y * 0.5)));
  const Expr sign = pool.select(odd, sign_bits(x), pool.integer(0, bits_dtype(x)));
  r = from_bits(bit_or(to_bits(r), sign), x->dtype);
  const Expr bad = logical_and(logical_and(lt(x, zero), finite), logical_not(is_integer(y)));
  r = pool.select(bad, nan(x), r);
  r = pool.select(logical_or(isnan(x), isnan(y)), x + y, r);
  const Expr minus_one_to_infinity = logical_and(eq(ax, one), eq(abs(y), infinity(x)));
  const Expr is_one = logical_or(logical_or(eq(x, one), eq(y, zero)), minus_one_to_infinity);
  return pool.select(is_one, one, r);
}

Expr rsqrt(Expr x) { return 1.0 / sqrt(x); }
Expr fmod(Expr x, Expr y) { return x.pool().make(Op::Rem, x->dtype, {x, y}); }
Expr isnan(Expr x) { return ne(x, x); }

}  // namespace lilith::kir
