#include <array>

#include "kernel_ir/math_detail.h"

namespace lilith::kir {

using namespace detail;

namespace {

/// x as quadrant * pi/2 + r, |r| <= pi/4 (a little more at the edges); bits 0 and 1 of `quadrant`
/// count.
struct Reduced {
  Expr r, quadrant;
};

/// x - round(x): exact.
Expr fraction(Expr x) { return x - round_even(x); }

/// Splits a number of turns high + low into quarter turns and radians.
Reduced quarters(Expr high, Expr low) {
  Pool& pool = high.pool();
  const Expr magic = high.like(0x1.8p52);
  const Expr t = pool.multiply_add(high, high.like(4), magic);
  const Expr rest = pool.multiply_add(t - magic, high.like(-0.25), high);
  return {((low ? rest + low : rest)) * 0x1.921fb54442d18p+2, to_bits(t)};
}

// 1/(2 pi) in pieces of 29 bits: 24-bit x times a piece is exact in F64, and so is its fraction.
// The pieces reach 2^-203, 75 bits below the largest F32's integers.
Reduced reduce_single(Expr x) {
  static constexpr std::array<double, 7> kPieces = {0x517cc1bp-29,   0xe4e4415p-58,  0x53f84eap-87,
                                                    0x1f47d4d3p-116, 0xee06db1p-145, 0x95993c4p-174,
                                                    0x72083fcp-203};
  const Expr wide = x.pool().cast(x, DType::F64);
  Expr turns;
  for (std::size_t k = kPieces.size(); k-- > 0;) {
    const Expr f = fraction(wide * kPieces[k]);
    turns = turns ? turns + f : f;
  }
  return quarters(turns, {});
}

// F64: products with 53-bit pieces of 1/(2 pi) as high and low parts, fractions summed in two
// parts. Nine pieces matter for any one x; x's exponent selects which: those that only make whole
// turns are left out.
Reduced reduce_double(Expr x) {
  static constexpr int kStep = 5, kGroups = 4, kWindow = 9;
  static constexpr std::array<double, kStep*(kGroups - 1) + kWindow> kPieces = {
      0x517cc1b727220p0,  0x1529fc2757d1f5p0, 0x69bb81b6c52b3p0,  0x4f10e4107f945p0,
      0x11d5ef5de2b0dbp0, 0x1246e3a424dd2ep0, 0xc925dd413a3p0,    0x4873f877ac72cp0,
      0x94d39f74411afp0,  0x152ebb4484e99cp0, 0xe04d68befc827p0,  0x64758e60d4ce7p0,
      0x1a4e422fc5defcp0, 0x1283b1ff897ffdp0, 0x1c0b301fde5e23p0, 0x2d6829b47db4dp0,
      0x13f6793e584dbap0, 0xf463f669e5feap0,  0x5aea4f758fd7cp0,  0x17c5ecf41ce7dep0,
      0x529497535fdafp0,  0x1b11f8d5d08560p0, 0x6608df8f6d757p0,  0};
  static constexpr std::array<double, kGroups> kScale = {1, 0x1p-265, 0x1p-530, 0x1p-795};
  Pool& pool = x.pool();
  const Expr a = abs(x);
  // Group g leaves out 5g pieces: whole turns once x's last bit is worth 2^(53 * 5g).
  const std::array<Expr, kGroups> in_group = {Expr{}, le(x.like(0x1p317), a),
                                              le(x.like(0x1p582), a), le(x.like(0x1p847), a)};
  const auto by_group = [&](auto value) {
    Expr v = x.like(value(0));
    for (int g = 1; g < kGroups; ++g) {
      v = pool.select(in_group[static_cast<std::size_t>(g)], x.like(value(g)), v);
    }
    return v;
  };
  const Expr scaled = x * by_group([](int g) { return kScale[static_cast<std::size_t>(g)]; });
  Expr sum, error = x.like(-0.0);
  const auto add = [&](Expr f) {  // two-sum
    if (!sum) {
      sum = f;
      return;
    }
    const Expr s = sum + f, back = s - sum;
    error = error + ((sum - (s - back)) + (f - back));
    sum = s;
  };
  double unit = 1;
  for (int k = 0; k < kWindow; ++k) {
    unit *= 0x1p-53;
    const Expr piece =
        by_group([&](int g) { return kPieces[static_cast<std::size_t>(kStep * g + k)] * unit; });
    const Expr high = scaled * piece, low = pool.fma(scaled, piece, -high);
    add(fraction(high));
    add(fraction(low));
  }
  return quarters(sum, error);
}

/// Reduces x; arguments within pi/4 stay as they are, which keeps -0 and denormals.
Reduced reduce(Expr x) {
  Pool& pool = x.pool();
  const Expr small = lt(abs(x), x.like(0.78));
  if (!is_f32(x)) {
    const Reduced p = reduce_double(x);
    return {pool.select(small, x, p.r), p.quadrant};
  }
  const Reduced p = reduce_single(x);
  return {pool.select(small, x, pool.cast(p.r, DType::F32)), pool.cast(p.quadrant, DType::I32)};
}

Expr sin_polynomial(Expr r) {
  const Expr z = r * r;
  const Expr p =
      is_f32(r)
          ? polynomial(z, {-0.16666655242443085, 0.0083321845158934593, -0.00019517206237651408})
          : polynomial(z, {-0.1666666666666663, 0.0083333333333218684, -0.00019841269829352841,
                           2.7557313528113262e-6, -2.5050731612389257e-8, 1.5895213670761581e-10});
  return r.pool().multiply_add(r * z, p, r);
}

Expr cos_polynomial(Expr r) {
  const Expr z = r * r;
  const Expr p =
      is_f32(r)
          ? polynomial(z, {0.041666645556688309, -0.0013887301320210099, 2.4430670237052254e-5})
          : polynomial(z, {0.041666666666666595, -0.0013888888888873387, 2.480158728900169e-5,
                           -2.7557314208077215e-7, 2.0875702981910409e-9, -1.135856438078006e-11});
  return r.pool().multiply_add(z, r.pool().multiply_add(z, p, r.like(-0.5)), r.like(1));
}

/// Bool: bit `bit` of the quadrant.
Expr has_bit(Expr quadrant, int bit) {
  Pool& pool = quadrant.pool();
  const Expr one = pool.integer(std::int64_t{1} << bit, quadrant->dtype);
  return ne(bit_and(quadrant, one), pool.integer(0, quadrant->dtype));
}

/// The sine of quadrant * pi/2 + r.
Expr sine(Expr r, Expr quadrant) {
  Pool& pool = r.pool();
  const Expr v = pool.select(has_bit(quadrant, 0), cos_polynomial(r), sin_polynomial(r));
  const Expr two = pool.integer(2, quadrant->dtype);
  const Expr sign = shift_left(bit_and(quadrant, two), is_f32(r) ? 30 : 62);
  return from_bits(bit_xor(to_bits(v), sign), r->dtype);
}

}  // namespace

Expr sin(Expr x) {
  const Reduced p = reduce(x);
  return x.pool().select(eq(x, x.like(0)), x, sine(p.r, p.quadrant));  // keeps -0
}

Expr cos(Expr x) {
  const Reduced p = reduce(x);
  return sine(p.r, p.quadrant + x.pool().integer(1, p.quadrant->dtype));
}

Expr tan(Expr x) {
  Pool& pool = x.pool();
  const Reduced p = reduce(x);
  const Expr s = sin_polynomial(p.r), c = cos_polynomial(p.r), odd = has_bit(p.quadrant, 0);
  const Expr y = pool.select(odd, -c, s) / pool.select(odd, s, c);
  return pool.select(eq(x, x.like(0)), x, y);
}

namespace {

/// asin of |x| <= 1/2, and of sqrt((1-|x|)/2) beyond: what asin and acos are made of.
struct ArcSine {
  Expr magnitude, far, part;
};
ArcSine arc_sine(Expr x) {
  Pool& pool = x.pool();
  const Expr a = abs(x), far = lt(x.like(0.5), a);
  const Expr z = pool.select(far, (1.0 - a) * 0.5, a * a);
  const Expr s = pool.select(far, sqrt(z), a);
  const Expr p =
      is_f32(x) ? polynomial(z, {0.16666659712791443, 0.075005210936069489, 0.044513635337352753,
                                 0.031836055219173431, 0.014328926801681519, 0.037674412131309509})
                : polynomial(z, {0.16666666666665375, 0.075000000003448267, 0.044642856821956074,
                                 0.030381959396184894, 0.022371751923487688, 0.017359795826629044,
                                 0.013884348825099061, 0.012174952421627095, 0.0065034773542543816,
                                 0.01959445798990871, -0.016326875832004248, 0.031981814796585781});
  return {a, far, pool.multiply_add(s * z, p, s)};
}

/// k * pi/2 - y, with pi/2 in two parts.
Expr from_half_pi(double k, Expr y) {
  const Expr high = pick(y, 0x1.921fb6p+0 * k, 0x1.921fb54442d18p+0 * k);
  const Expr low = pick(y, -0x1.777a5cp-25 * k, 0x1.1a62633145c07p-54 * k);
  return high - (y - low);
}

}  // namespace

Expr asin(Expr x) {
  const ArcSine p = arc_sine(x);
  return with_sign(x.pool().select(p.far, from_half_pi(1, p.part * 2), p.part), x);
}

Expr acos(Expr x) {
  Pool& pool = x.pool();
  const ArcSine p = arc_sine(x);
  const Expr negative = lt(x, x.like(0)), twice = p.part * 2;
  const Expr far = pool.select(negative, from_half_pi(2, twice), twice);
  return pool.select(p.far, far, from_half_pi(1, with_sign(p.part, x)));
}

namespace {

/// atan of t in [0, 1].
Expr arc_tangent(Expr t) {
  const Expr z = t * t;
  const Expr p =
      is_f32(t)
          ? polynomial(z, {-0.33333298563957214, 0.19998529553413391, -0.14264015853404999,
                           0.10950881242752075, -0.083993136882781982, 0.057881638407707214,
                           -0.031097125262022018, 0.010868421755731106, -0.0017825980903580785})
          : polynomial(z, {-0.3333333333333186, 0.19999999999755022, -0.14285714271334984,
                           0.11111110678754335, -0.090909012354886076, 0.076922129316289153,
                           -0.066658603718574475, 0.058773078218040571, -0.052392332179901878,
                           0.046739503009306169, -0.040926398947822878, 0.034067841638466156,
                           -0.025826839824732464, 0.016978081565389113, -0.0091845953144338646,
                           0.0038559954310451528, -0.0011640796862356999, 0.00022302426028454546,
                           -2.0258753210364561e-5});
  return t.pool().multiply_add(t * z, p, t);
}

}  // namespace

Expr atan(Expr x) {
  Pool& pool = x.pool();
  const Expr a = abs(x), one = x.like(1), far = lt(one, a);
  const Expr p = arc_tangent(pool.select(far, one, a) / pool.select(far, a, one));
  return with_sign(pool.select(far, from_half_pi(1, p), p), x);
}

Expr atan2(Expr y, Expr x) {
  Pool& pool = x.pool();
  const Expr ax = abs(x), ay = abs(y), zero = x.like(0), one = x.like(1);
  const Expr steep = lt(ax, ay);
  const Expr num = pool.select(steep, ax, ay), den = pool.select(steep, ay, ax);
  // Both zero, both infinite: the corner that C99 names.
  const Expr same = pool.select(eq(den, zero), zero, one);
  const Expr p = arc_tangent(pool.select(eq(num, den), same, num / den));
  const Expr first = pool.select(steep, from_half_pi(1, p), p);
  const Expr left = ne(sign_bits(x), pool.integer(0, bits_dtype(x)));
  return with_sign(pool.select(left, from_half_pi(2, first), first), y);
}

}  // namespace lilith::kir
