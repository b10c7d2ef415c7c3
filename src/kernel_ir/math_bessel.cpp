#include "kernel_ir/math_detail.h"

// Bessel functions, and what is made of the error function. Computed in F64, whatever the dtype.
namespace lilith::kir {

using namespace detail;

namespace {

/// c[0] + c[1] T_1(t) + c[2] T_2(t) + …, by Clenshaw's recurrence. The coefficients are those that
/// tools/chebyshev.py prints.
Expr chebyshev(Expr t, std::initializer_list<double> c) {
  Pool& pool = t.pool();
  const Expr two_t = t + t;
  Expr b1 = t.like(0), b2 = b1;
  for (auto x = std::rbegin(c); x != std::prev(std::rend(c)); ++x) {
    const Expr b = pool.multiply_add(two_t, b1, t.like(*x) - b2);
    b2 = b1;
    b1 = b;
  }
  return pool.multiply_add(t, b1, t.like(*c.begin()) - b2);
}

Expr in_f64(Expr x, Expr (*f)(Expr)) {
  if (!is_f32(x)) return f(x);
  return x.pool().cast(f(x.pool().cast(x, DType::F64)), DType::F32);
}

/// The value by an expansion in x up to 8, by one in 16/x over the root of x beyond.
Expr by_parts(Expr a, Expr (*near)(Expr), Expr (*far)(Expr)) {
  Pool& pool = a.pool();
  const Expr is_near = le(a, a.like(8)), eight = a.like(8);
  const Expr small = near(pool.select(is_near, a, eight) * 0.25 - 1.0);
  const Expr large = pool.select(is_near, eight, a);
  return pool.select(is_near, small, far(16.0 / large - 1.0) / sqrt(large));
}

Expr i0_near(Expr t) {
  return chebyshev(t, {0.33839763720473804,     -0.3046826723431984,     0.17162090152220878,
                       -0.094901097048047644,   0.049305284239670708,    -0.023737414805899469,
                       0.010546460394594998,    -0.0043243099950505759,  0.0016394756169413358,
                       -0.00057637557453858237, 0.00018850288509584166,  -5.7541950100821037e-5,
                       1.6448448070728897e-5,   -4.4167383584587506e-6,  1.1173875391201037e-6,
                       -2.6707938539406117e-7,  6.0469950225419189e-8,   -1.300025009986248e-8,
                       2.6598237246823867e-9,   -5.1897956016352629e-10, 9.6758090353732369e-11,
                       -1.7268262914415557e-11, 2.9550526631296398e-12,  -4.8564467831119295e-13,
                       7.6761854986049356e-14,  -1.1685332877993452e-14, 1.715391285555133e-15,
                       -2.4312798465479547e-16, 3.3307945188222381e-17,  -4.4153416464793394e-18});
}
Expr i0_far(Expr t) {
  return chebyshev(t, {0.40224520550705442,     0.0033691164782556941,   6.889758346916824e-5,
                       2.8913705208347565e-6,   2.0489185894690637e-7,   2.2666689904981781e-8,
                       3.3962320257083863e-9,   4.9406023882249696e-10,  1.1889147107846438e-11,
                       -3.1499165279632414e-11, -1.3215811840447713e-11, -1.7941785315068061e-12,
                       7.1801244513836662e-13,  3.8527783827421427e-13,  1.5400862175214098e-14,
                       -4.1505693472872221e-14, -9.5548466988283076e-15, 3.8116806693526224e-15,
                       1.7725601330565264e-15,  -3.4254856196772191e-16, -2.8276239805165835e-16,
                       3.4612228676974611e-17,  4.46562142029676e-17,    -4.8305044859441821e-18,
                       -7.233180487874754e-18,  9.9214754121736986e-19,  1.1936508908459821e-18});
}
Expr i1_near(Expr t) {
  return chebyshev(t, {0.12629359322181683,     -0.17641651835783406,    0.1026436586898471,
                       -0.052945981208094991,   0.024726449030626517,    -0.010564084894626198,
                       0.0041564229443128882,   -0.0015135724506312531,  0.00051228595616857577,
                       -0.00016176081582589675, 4.7815651075500542e-5,   -1.3273163656039436e-5,
                       3.4702513081376785e-6,   -8.5687202646954547e-7,  2.0032947535521353e-7,
                       -4.4450591287963281e-8,  9.3815373864957718e-9,   -1.8872497517228293e-9,
                       3.625590281552117e-10,   -6.6634897235020277e-11, 1.1736186298890902e-11,
                       -1.9839743977649437e-12, 3.2237933659455747e-13,  -5.0421855047279117e-14,
                       7.6006842947354069e-15,  -1.1055969477353863e-15, 1.5536319577362005e-16,
                       -2.1114212143581661e-17, 2.7779141127610464e-18});
}
Expr i1_far(Expr t) {
  return chebyshev(t, {0.38928811750914006,     -0.0097610974913614684,  -0.00011058893876262372,
                       -3.8825648088776904e-6,  -2.5122362378702089e-7,  -2.6314688468895195e-8,
                       -3.835380385964237e-9,   -5.5897434621965838e-10, -1.8974958123505412e-11,
                       3.2526035830154882e-11,  1.4125807436613781e-11,  2.0356285441470895e-12,
                       -7.1985517762459085e-13, -4.0835511110921973e-13, -2.1015418427726643e-14,
                       4.2724400167119514e-14,  1.0420276984128803e-14,  -3.8144030724370078e-15,
                       -1.8803547755107824e-15, 3.3082023109209283e-16,  2.9626289976459501e-16,
                       -3.209525921993424e-17,  -4.6503053684893583e-17, 4.4143483230717079e-18,
                       7.5172963108421048e-18,  -9.3141788673268834e-19, -1.242193275194891e-18});
}

Expr i0e_wide(Expr x) { return by_parts(abs(x), i0_near, i0_far); }
// i1_near is the function over x.
Expr i1e_wide(Expr x) {
  Pool& pool = x.pool();
  const Expr a = abs(x);
  const Expr y = by_parts(a, i1_near, i1_far);
  return with_sign(pool.select(le(a, a.like(8)), y * a, y), x);
}
// Without overflow where e^|x| alone has one.
Expr grown(Expr y, Expr x) {
  const Expr half = exp(abs(x) * 0.5);
  return y * half * half;
}
Expr i0_wide(Expr x) { return grown(i0e_wide(x), x); }
Expr i1_wide(Expr x) { return grown(i1e_wide(x), x); }

/// e^(a^2) erfc(a) for a >= 0: beyond 20 by its asymptotic series.
Expr erfcx_positive(Expr a) {
  Pool& pool = a.pool();
  const Expr is_near = lt(a, a.like(20)), b = pool.select(is_near, a, a.like(0));
  const Expr high = b * b, low = pool.fma(b, b, -high);
  const Expr near = erfc(b) * exp(high) * (1.0 + low);
  const Expr large = pool.select(is_near, a.like(20), a), v = 1.0 / large;
  const Expr far = v * 0.56418958354775629 *
                   polynomial(v * v, {1, -0.5, 0.75, -1.875, 6.5625, -29.53125, 162.421875});
  return pool.select(is_near, near, far);
}

Expr erfcx_wide(Expr x) {
  Pool& pool = x.pool();
  const Expr a = abs(x), y = erfcx_positive(a);
  const Expr square = exp(a * a);
  return pool.select(lt(x, x.like(0)), square + square - y, y);
}

/// The z with Phi(z) = p: for p from 1/50 to 1 by the inverse of erf, below by Newton's steps on
/// log Phi from a rational start (Abramowitz and Stegun, 26.2.23).
Expr ndtri_wide(Expr p) {
  Pool& pool = p.pool();
  constexpr double kTail = 0.02, kRoot2 = 1.4142135623730951;
  const Expr is_tail = lt(p, p.like(kTail));
  const Expr middle = erfinv(2.0 * p - 1.0) * kRoot2;
  const Expr q = pool.select(is_tail, p, p.like(kTail)), log_q = log(q);
  const Expr w = sqrt(log_q * -2.0);
  Expr a = w - polynomial(w, {2.515517, 0.802853, 0.010328}) /
                   polynomial(w, {1, 1.432788, 0.189269, 0.001308});
  // With a = -z: log Phi(-a) = log(erfcx(a / sqrt(2)) / 2) - a^2 / 2.
  for (int k = 0; k < 3; ++k) {
    const Expr e = erfcx_positive(a / kRoot2);
    const Expr residual = log(e * 0.5) - a * a * 0.5 - log_q;
    a = a + residual * e * 1.2533141373155003;  // sqrt(pi / 2)
  }
  const Expr zero = eq(p, p.like(0));
  const Expr tail = pool.select(zero, -infinity(p), -a);
  return pool.select(is_tail, pool.select(lt(p, p.like(0)), nan(p), tail), middle);
}

}  // namespace

Expr i0(Expr x) { return in_f64(x, i0_wide); }
Expr i0e(Expr x) { return in_f64(x, i0e_wide); }
Expr i1(Expr x) { return in_f64(x, i1_wide); }
Expr i1e(Expr x) { return in_f64(x, i1e_wide); }
Expr erfcx(Expr x) { return in_f64(x, erfcx_wide); }
Expr ndtri(Expr x) { return in_f64(x, ndtri_wide); }

}  // namespace lilith::kir
