#include "kernel_ir/math_detail.h"

#include <cmath>
#include <limits>

namespace lilith::kir::detail {

Expr polynomial(Expr x, std::initializer_list<double> c) {
  const double* p = c.end();
  Expr y = x.like(*--p);
  while (p != c.begin()) y = x.pool().multiply_add(y, x, x.like(*--p));
  return y;
}

DType bits_dtype(Expr x) { return is_f32(x) ? DType::I32 : DType::I64; }
Expr to_bits(Expr x) { return x.pool().bitcast(x, bits_dtype(x)); }
Expr from_bits(Expr bits, DType dtype) { return bits.pool().bitcast(bits, dtype); }

Expr shift_left(Expr bits, int by) {
  return bits.pool().make(Op::Shl, bits->dtype, {bits, bits.pool().integer(by, bits->dtype)});
}
Expr shift_right(Expr bits, int by) {
  return bits.pool().make(Op::SShr, bits->dtype, {bits, bits.pool().integer(by, bits->dtype)});
}
Expr bit_and(Expr a, Expr b) { return a.pool().make(Op::And, a->dtype, {a, b}); }
Expr bit_or(Expr a, Expr b) { return a.pool().make(Op::Or, a->dtype, {a, b}); }
Expr bit_xor(Expr a, Expr b) { return a.pool().make(Op::Xor, a->dtype, {a, b}); }

Expr abs(Expr x) { return x.pool().make(Op::Abs, x->dtype, {x}); }
Expr sqrt(Expr x) { return x.pool().make(Op::Sqrt, x->dtype, {x}); }
Expr floor(Expr x) { return x.pool().make(Op::Floor, x->dtype, {x}); }
Expr round_even(Expr x) { return x.pool().make(Op::RoundEven, x->dtype, {x}); }

Expr sign_bits(Expr x) {
  const std::int64_t sign = is_f32(x) ? INT32_MIN : INT64_MIN;
  return bit_and(to_bits(x), x.pool().integer(sign, bits_dtype(x)));
}
Expr with_sign(Expr magnitude, Expr x) {
  return from_bits(bit_or(to_bits(magnitude), sign_bits(x)), x->dtype);
}

Expr at_most(Expr x, double bound) {
  return x.pool().select(lt(x.like(bound), x), x.like(bound), x);
}
Expr at_least(Expr x, double bound) {
  return x.pool().select(lt(x, x.like(bound)), x.like(bound), x);
}
Expr infinity(Expr like) { return like.like(std::numeric_limits<double>::infinity()); }
Expr nan(Expr like) { return like.like(std::numeric_limits<double>::quiet_NaN()); }

namespace {

/// 1.5 * 2^(mantissa bits) plus the exponent bias: adding it to a small number rounds that to an
/// integer n whose biased exponent n + bias is in the sum's low bits.
double rounding_magic(bool single) {
  return single ? 12582912.0 + 127.0 : 6755399441055744.0 + 1023.0;
}

}  // namespace

ExpParts exp_parts(Expr x) {
  Pool& pool = x.pool();
  const bool single = is_f32(x);
  const Expr magic = x.like(rounding_magic(single));
  const Expr t = pool.multiply_add(x, x.like(0.72134752044448170), magic);  // 1 / (2 ln 2)
  const Expr n = t - magic;
  // 2 ln 2 in two parts; the first has so few bits that n times it is exact.
  Expr r = pool.multiply_add(n, pick(x, -0x1.62e4p+0, -0x1.62e42fefa38p+0), x);
  r = pool.multiply_add(n, pick(x, -0x1.7f7d1cp-19, -0x1.ef35793c7673p-44), r);
  const Expr q =
      single
          ? polynomial(r, {0.5, 0.16666673123836517, 0.041666686534881592, 0.0083325905725359917,
                           0.0013888018438592553, 0.00020107065211050212, 2.506042983441148e-5})
          : polynomial(r, {0.49999999999999961, 0.16666666666666746, 0.041666666666691034,
                           0.0083333333333116735, 0.001388888888468696, 0.00019841269860284422,
                           2.4801590355882793e-5, 2.7557312282348339e-6, 2.7556248718555007e-7,
                           2.5053077530577647e-8, 2.1055931846737806e-9, 1.6060911234506564e-10});
  const Expr scale = from_bits(shift_left(to_bits(t), single ? 23 : 52), x->dtype);
  return {scale, pool.multiply_add(r * r, q, r)};
}

Expr exp2_parts(Expr hi, Expr lo) {
  Pool& pool = hi.pool();
  const bool single = is_f32(hi);
  const Expr magic = hi.like(rounding_magic(single));
  const Expr t = pool.multiply_add(hi, hi.like(0.5), magic);
  Expr r = pool.multiply_add(t - magic, hi.like(-2), hi);
  if (lo) r = r + lo;
  const Expr q =
      single ? polynomial(r, {0.69314724206924438, 0.24022674560546875, 0.055503562092781067,
                              0.0096166590228676796, 0.0013344291364774108, 0.00015655143943149596,
                              1.4740724509465508e-5})
             : polynomial(r, {0.69314718055994529, 0.24022650695910069, 0.0555041086648215,
                              0.009618129107628633, 0.0013333558146438062, 0.00015403530393282345,
                              1.5252733799183735e-5, 1.3215486818862021e-6, 1.0178087255246777e-7,
                              7.0549075120281727e-9, 4.4453696198495993e-10, 2.5681153664364645e-11,
                              1.3806848453892822e-12, 6.7286885791101632e-14});
  const Expr scale = from_bits(shift_left(to_bits(t), single ? 23 : 52), hi->dtype);
  return pool.multiply_add(r, q, r.like(1)) * scale * scale;
}

Mantissa split_exponent(Expr x) {
  Pool& pool = x.pool();
  const bool single = is_f32(x);
  const int mantissa_bits = single ? 23 : 52;
  // Denormals are scaled up first.
  const Expr tiny = lt(x, pick(x, 0x1p-126, 0x1p-1022));
  const Expr scaled = pool.select(tiny, x * (single ? 0x1p24 : 0x1p54), x);
  const Expr half_root =
      pool.integer(single ? 0x3f3504f3 : 0x3fe6a09e667f3bcd, bits_dtype(x));  // sqrt(1/2)
  const Expr bits = to_bits(scaled) - half_root;
  const Expr mask = pool.integer((std::int64_t{1} << mantissa_bits) - 1, bits_dtype(x));
  const Expr m = from_bits(bit_and(bits, mask) + half_root, x->dtype);
  const Expr e = pool.cast(shift_right(bits, mantissa_bits), x->dtype);
  return {m, e - pool.select(tiny, x.like(single ? 24 : 54), x.like(0))};
}

}  // namespace lilith::kir::detail
