#include "kernel_ir/math_detail.h"

namespace lilith::kir {

using namespace detail;

namespace {

// erfc(a) = e^(-a^2) H(t) / (a + K), t = (a - K)/(a + K): H is smooth on [0, inf) and a polynomial
// in t. The centred form is M. M. Shepherd and J. G. Laframboise's, "Chebyshev approximation of
// (1+2x)exp(x^2)erfc x in 0 <= x < inf", Math. Comp. 36 (1981).
Expr erfc_positive(Expr x) {
  Pool& pool = x.pool();
  const bool single = is_f32(x);
  const Expr a = at_most(x, single ? 10.2 : 28);
  const double k = single ? 2 : 3;
  const Expr inverse = 1.0 / (a + k);
  const Expr t = pool.multiply_add(inverse, x.like(-2 * k), x.like(1));
  const Expr h =
      single
          ? polynomial(t, {1.0215827226638794, -0.68716096878051758, 0.27947095036506653,
                           -0.036435220390558243, -0.021496562287211418, 0.0064339721575379372,
                           0.0030205915682017803, -0.00073359179077669978, -0.00050397688755765557,
                           -3.0411010811803862e-5})
          : polynomial(t, {1.07400690708834,        -0.88339445316988052,   0.59022835710401,
                           -0.31046726190082286,    0.11952776129165708,    -0.026827234617846776,
                           -0.0012124167070801974,  0.0030340619155706616,  -0.00054830895219522226,
                           -0.00027677718687879588, 0.00010755755483735312, 3.0394900418363043e-5,
                           -1.7457835445942775e-5,  -4.7386333321960102e-6, 2.7399111017378192e-6,
                           9.7654121817904805e-7,   -3.7739930001653173e-7, -2.039403238281684e-7,
                           2.6435581027363315e-8,   2.7921932406530851e-8,  3.3385478391214727e-9});
  // a^2 in two parts: e^-(high + low) = e^-high (1 - low).
  const Expr high = a * a, low = pool.fma(a, a, -high);
  const ExpParts e = exp_parts(-high);
  const Expr growth = e.tail + 1;
  return pool.multiply_add(-low, growth, growth) * (h * inverse) * e.scale * e.scale;
}

/// erf(x) for |x| <= 1.
Expr erf_near(Expr x) {
  const Expr z = x * x;
  const Expr p =
      is_f32(x)
          ? polynomial(z, {0.12837916612625122, -0.37612628936767578, 0.11283625662326813,
                           -0.026855731382966042, 0.0051924120634794235, -0.00080499955220147967,
                           7.9984245530795306e-5})
          : polynomial(z, {0.12837916709551259, -0.37612638903183748, 0.11283791670954857,
                           -0.026866170645072889, 0.0052239776247808307, -0.00085483269787403366,
                           0.00012055331036837806, -1.4925593505542898e-5, 1.6460972797426376e-6,
                           -1.6350025034382656e-7, 1.4657878695925026e-8, -1.1365661955774253e-9,
                           5.9452556297982601e-11});
  return x.pool().multiply_add(x, p, x);
}

}  // namespace

Expr erf(Expr x) {
  Pool& pool = x.pool();
  const bool single = is_f32(x);
  const Expr a = abs(x);
  Expr far;
  if (single) {
    // 1 - 2^-q(a), q = -log2(erfc): where erfc is below 1/5, its error counts a fifth.
    const Expr b = at_most(a, 4);
    far = 1.0 - exp2_parts(
                    -polynomial(b, {0.00024013278016354889, 1.6270674467086792, 0.91896235942840576,
                                    0.15020415186882019, -0.032193973660469055,
                                    0.0044225472956895828, -0.00028596812626346946}),
                    {});
  } else {
    far = 1.0 - erfc_positive(a);
  }
  const Expr near = lt(a, x.like(single ? 0.92 : 1));
  return pool.select(near, erf_near(x), with_sign(far, x));
}

Expr erfc(Expr x) {
  Pool& pool = x.pool();
  const Expr a = abs(x), y = erfc_positive(a);
  const Expr far = pool.select(lt(x, x.like(0)), 2.0 - y, y);
  return pool.select(lt(a, x.like(0.47)), 1.0 - erf_near(x), far);
}

namespace {

/// erfinv(x) / x as a function of w = -log(1 - x^2): two polynomials, in w and in sqrt(w).
Expr erfinv_ratio(Expr w) {
  Pool& pool = w.pool();
  const Expr near =
      polynomial(w - 2.5, {1.5014094114303589, 0.24664029479026794, -0.0041773896664381027,
                           -0.0012527453945949674, 0.00021834719518665224, -4.9608829613134731e-6,
                           -3.4635270367289195e-6, 4.6555052790608897e-7, 2.3307499930069753e-8,
                           -8.7403613235892408e-9});
  const Expr root = sqrt(w);
  const Expr far =
      is_f32(w)
          ? polynomial(root - 3,
                       {2.8329768180847168, 1.0016752481460571, 0.0094452816992998123,
                        -0.0076427385210990906, 0.00568790128454566, -0.0035672234371304512,
                        0.0014745121588930488, -0.00011973222717642784, -0.00027688697446137667,
                        0.00016027400852181017, -2.9626289688167162e-5})
          : polynomial(root - 4,
                       {3.8397812433002172, 1.0095113585133437, 0.0012955028939321603,
                        -0.00094277367858229837, 0.00025218879126777518, -2.7518729905613127e-5,
                        9.2488306798634674e-5, -7.8904746076955047e-5, 1.7533598999966388e-5});
  return pool.select(lt(w, w.like(5)), near, far);
}

}  // namespace

Expr erfinv(Expr x) {
  Pool& pool = x.pool();
  const Expr a = abs(x), one = x.like(1);
  const Expr w = -log(pool.fma(-x, x, one));
  Expr y = a * erfinv_ratio(w);
  if (!is_f32(x)) {
    // One step of Halley's method triples the digits; near 1 the residual is taken in the tail.
    const Expr residual =
        pool.select(lt(a, x.like(0.5)), erf_near(y) - a, (one - a) - erfc_positive(y));
    const Expr step = residual * exp(y * y) * 0.88622692545275801;  // sqrt(pi) / 2
    y = y - step / pool.multiply_add(y, step, one);
  }
  y = pool.select(eq(a, one), infinity(x), y);
  return with_sign(pool.select(lt(one, a), nan(x), y), x);
}

namespace {

/// Stirling's series for log Gamma(z), z >= 8: to 1e-15.
Expr stirling(Expr z) {
  const Expr v = 1.0 / z;
  const Expr series = polynomial(v * v, {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188,
                                         -691.0 / 360360, 1.0 / 156, -3617.0 / 122400});
  // (z - 1/2)(log z - 1) - 1/2 + log(2 pi)/2, which cannot make inf - inf.
  return z.pool().multiply_add(z - 0.5, log(z) - 1, v * series + 0.41893853320467274);
}

/// sin(pi r) / r for |r| <= 1/2, of r^2.
Expr sin_pi_ratio(Expr z) {
  return polynomial(
      z, {3.1415926535897931, -5.1677127800499703, 2.5501640398773455, -0.59926452932078622,
          0.082145886610980351, -0.0073704309435505084, 0.00046630278643583316,
          -2.1915246271496847e-5, 7.9484533845361645e-7, -2.22761227064977e-8});
}

constexpr int kShift = 8;  // the asymptotic series hold from here

Expr lgamma_wide(Expr x) {
  Pool& pool = x.pool();
  const Expr a = abs(x), small = lt(a, x.like(kShift));
  Expr product = a;
  for (int k = 1; k < kShift; ++k) product = product * (a + k);
  const Expr down = log(pool.select(small, product, x.like(1)));
  const Expr positive = stirling(pool.select(small, a + kShift, a)) - down;
  // Gamma(x) Gamma(-x) = -pi / (x sin(pi x)); for tiny x both have the magnitude 1/|x|.
  const Expr r = a - round_even(a);
  const Expr sine = abs(r * sin_pi_ratio(r * r));
  const Expr reflected = log(3.1415926535897931 / (a * sine)) - positive;
  Expr y = pool.select(lt(x, x.like(-0x1p-60)), reflected, positive);
  const Expr root = logical_or(eq(x, x.like(1)), eq(x, x.like(2)));
  y = pool.select(root, x.like(0), y);
  // All large negative numbers are integers: poles.
  const Expr pole = logical_or(eq(a, infinity(x)), lt(x, x.like(-0x1p52)));
  return pool.select(pole, infinity(x), y);
}

Expr digamma_wide(Expr x) {
  Pool& pool = x.pool();
  const Expr negative = lt(x, x.like(0));
  const Expr a = pool.select(negative, 1.0 - x, x), small = lt(a, x.like(kShift));
  // The sum of 1/(a + k), k < kShift, as one fraction.
  Expr num = x.like(1), den = a;
  for (int k = 1; k < kShift; ++k) {
    num = pool.multiply_add(num, a + k, den);
    den = den * (a + k);
  }
  const Expr down = pool.select(small, num / den, x.like(0));
  const Expr z = pool.select(small, a + kShift, a), v = 1.0 / z, v2 = v * v;
  const Expr series = polynomial(v2, {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132,
                                      -691.0 / 32760, 1.0 / 12, -3617.0 / 8160});
  const Expr positive = log(z) - pool.multiply_add(v2, series, v * 0.5) - down;
  // digamma(x) = digamma(1 - x) - pi / tan(pi x).
  const Expr r = x - round_even(x), half = 0.5 - abs(r);
  const Expr sine = r * sin_pi_ratio(r * r), cosine = half * sin_pi_ratio(half * half);
  const Expr reflected = positive - cosine / sine * 3.1415926535897931;
  const Expr y = pool.select(negative, reflected, positive);
  return pool.select(logical_and(negative, eq(r, x.like(0))), nan(x), y);
}

/// Evaluates an F32 argument in F64: near their roots these functions are differences of large
/// numbers.
Expr in_double(Expr x, Expr (*f)(Expr)) {
  if (!is_f32(x)) return f(x);
  return x.pool().cast(f(x.pool().cast(x, DType::F64)), DType::F32);
}

}  // namespace

Expr lgamma(Expr x) { return in_double(x, lgamma_wide); }
Expr digamma(Expr x) { return in_double(x, digamma_wide); }

}  // namespace lilith::kir
