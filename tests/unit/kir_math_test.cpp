#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <random>

#include "kernel_ir/evaluate.h"
#include "lilith/kernel_math.h"

// The promised errors of the maths functions, against the host's libm in double and long double.
namespace lilith::kir {
namespace {

using Wide = long double;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Arguments : Leaves {
  double value[2] = {};
  Value load(BufferId buffer, std::int64_t) override { return {0, value[buffer]}; }
};

/// A function of one or two arguments, ready to be evaluated.
class Function {
 public:
  Function(Expr (*f)(Expr), DType t) : e_(f(pool_.load(0, t, pool_.integer(0)))) {}
  Function(Expr (*f)(Expr, Expr), DType t)
      : e_(f(pool_.load(0, t, pool_.integer(0)), pool_.load(1, t, pool_.integer(0)))) {}
  double operator()(double x, double y = 0) {
    at_.value[0] = x;
    at_.value[1] = y;
    return e_.run(at_).f;
  }

 private:
  Pool pool_;
  Evaluation e_;
  Arguments at_;
};

/// |got - want| in units of want's last place as a float; infinite where one is special and not the
/// other.
double ulp_error(double got, double want) {
  const float rounded = static_cast<float>(want);
  if (std::isnan(want)) return std::isnan(got) ? 0 : kInf;
  if (std::isnan(got)) return kInf;
  if (std::isinf(rounded) || std::isinf(got)) {
    if (got == static_cast<double>(rounded)) return 0;
    return std::fabs(want) > 3.40282e38 && std::fabs(got) > 3.40282e38 ? 1 : kInf;
  }
  if (want == 0 && got == 0) return std::signbit(want) == std::signbit(got) ? 0 : kInf;
  int exponent = 0;
  std::frexp(want, &exponent);
  return std::fabs(got - want) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

// References that libm lacks.
Wide ref_sigmoid(Wide x) { return 1 / (1 + std::exp(-x)); }
Wide ref_rsqrt(Wide x) { return 1 / std::sqrt(x); }
Wide ref_digamma(Wide x) {
  if (x == 0) return std::copysign(std::numeric_limits<Wide>::infinity(), -x);
  if (std::isinf(x)) return x > 0 ? x : static_cast<Wide>(kNan);
  if (x < 0) {
    if (x == std::floor(x)) return kNan;
    const Wide r = x - std::round(x), pi = std::numbers::pi_v<Wide>;
    return ref_digamma(1 - x) - pi / std::tan(pi * r);
  }
  Wide sum = 0;
  for (; x < 40; x += 1) sum -= 1 / x;
  const Wide z = 1 / (x * x);
  return sum + std::log(x) - 0.5L / x -
         z * (1 / 12.0L - z * (1 / 120.0L - z * (1 / 252.0L - z * (1 / 240.0L - z / 132.0L))));
}
Wide ref_erfinv(Wide x) {
  const Wide a = std::fabs(x);
  if (!(a <= 1)) return kNan;
  if (a == 1 || a == 0) return a == 0 ? x : std::copysign(static_cast<Wide>(kInf), x);
  Wide y = a < 0.7L ? a * 0.9L : std::sqrt(-std::log((1 - a) * (1 + a))) * 0.95L;
  for (int k = 0; k < 60; ++k) {
    const Wide f = a < 0.5L ? std::erf(y) - a : (1 - a) - std::erfc(y);
    const Wide s = f * std::exp(y * y) * std::sqrt(std::numbers::pi_v<Wide>) / 2;
    const Wide step = std::clamp(s / (1 + y * s), -0.5L, 0.5L);
    y -= step;
    if (std::fabs(step) < 1e-19L * y) break;
  }
  return std::copysign(y, x);
}

struct Case {
  const char* name;
  Expr (*f)(Expr);
  Wide (*ref)(Wide);
  double max_ulp;
  bool absolute = false;  // F64: 1e-13 absolute counts, near roots
};

#define LIBM(name) [](Wide x) { return std::name(x); }
const Case kCases[] = {
    {"exp", exp, LIBM(exp), 2},
    {"exp2", exp2, LIBM(exp2), 2},
    {"expm1", expm1, LIBM(expm1), 3},
    {"log", log, LIBM(log), 2},
    {"log2", log2, LIBM(log2), 2},
    {"log10", log10, LIBM(log10), 2},
    {"log1p", log1p, LIBM(log1p), 3},
    {"sin", sin, LIBM(sin), 2},
    {"cos", cos, LIBM(cos), 2},
    {"tan", tan, LIBM(tan), 4},
    {"asin", asin, LIBM(asin), 3},
    {"acos", acos, LIBM(acos), 3},
    {"atan", atan, LIBM(atan), 3},
    {"sinh", sinh, LIBM(sinh), 3},
    {"cosh", cosh, LIBM(cosh), 3},
    {"tanh", tanh, LIBM(tanh), 3},
    {"asinh", asinh, LIBM(asinh), 3},
    {"acosh", acosh, LIBM(acosh), 3},
    {"atanh", atanh, LIBM(atanh), 3},
    {"erf", erf, LIBM(erf), 3},
    {"erfc", erfc, LIBM(erfc), 6},
    {"erfinv", erfinv, ref_erfinv, 4},
    {"lgamma", lgamma, LIBM(lgamma), 2, true},
    {"digamma", digamma, ref_digamma, 2, true},
    {"sigmoid", sigmoid, ref_sigmoid, 4},
    {"rsqrt", rsqrt, ref_rsqrt, 2},
};
#undef LIBM

class KirMath : public ::testing::TestWithParam<Case> {};

TEST_P(KirMath, SingleStaysWithinItsUlps) {
  const Case& c = GetParam();
  Function f(c.f, DType::F32);
  double worst = 0, at = 0;
  const auto check = [&](float x) {
    const double error = ulp_error(f(x), static_cast<double>(c.ref(x)));
    if (error > worst) {
      worst = error;
      at = x;
    }
  };
  // Every exponent and sign: bit patterns at an odd stride; and densely where functions bend.
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 68111) {
    check(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  for (int k = -40000; k <= 40000; ++k) check(static_cast<float>(k) * 0.00030517578f);
  EXPECT_LE(worst, c.max_ulp) << c.name << " at " << at << ": got " << f(at) << ", want "
                              << static_cast<double>(c.ref(at));
}

TEST_P(KirMath, SpecialValuesAreExact) {
  const Case& c = GetParam();
  Function single(c.f, DType::F32), wide(c.f, DType::F64);
  for (double x : {0.0, -0.0, kInf, -kInf, kNan, 1.0, -1.0, 2.0, -2.0, 0.5, 1e-45, -1e-45, 1.17e-38,
                   3.4e38, -3.4e38}) {
    const float narrow = static_cast<float>(x);
    const double want32 = static_cast<double>(c.ref(narrow)), got32 = single(narrow);
    EXPECT_LE(ulp_error(got32, want32), c.max_ulp)
        << c.name << "(" << narrow << ") f32: " << got32 << ", want " << want32;
    const double want = static_cast<double>(c.ref(x)), got = wide(x);
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(got)) << c.name << "(" << x << "): " << got;
    } else if (want == 0 || std::isinf(want)) {
      EXPECT_EQ(got, want) << c.name << "(" << x << ")";
      EXPECT_EQ(std::signbit(got), std::signbit(want)) << c.name << "(" << x << ")";
    }
  }
}

TEST_P(KirMath, DoubleStaysWithin1e13) {
  const Case& c = GetParam();
  Function f(c.f, DType::F64);
  std::mt19937_64 rng(7);
  double worst = 0, at = 0;
  for (int k = 0; k < 24000; ++k) {
    const std::uint64_t bits = rng();
    const double unit = static_cast<double>(bits >> 11) * 0x1p-53 * 2 - 1;
    const double scale[] = {1, 12, 800};
    const double x = k % 4 == 0 ? std::bit_cast<double>(bits) : unit * scale[k % 4 - 1];
    const Wide want = c.ref(x);
    const double got = f(x), rounded = static_cast<double>(want);
    double error = 0;
    if (std::isnan(rounded)) {
      error = std::isnan(got) ? 0 : kInf;
    } else if (std::isinf(rounded) || rounded == 0) {
      error = got == rounded ? 0 : kInf;
    } else {
      const Wide off = std::fabs(static_cast<Wide>(got) - want);
      const Wide size = std::max<Wide>(std::fabs(want), 1e-307L);
      error = static_cast<double>(c.absolute ? std::min(off, off / size) : off / size);
      if (std::isnan(error)) error = kInf;
    }
    if (error > worst) {
      worst = error;
      at = x;
    }
  }
  EXPECT_LE(worst, 1e-13) << c.name << " at " << at << ": got " << f(at) << ", want "
                          << static_cast<double>(c.ref(at));
}

INSTANTIATE_TEST_SUITE_P(Functions, KirMath, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(KirMathBinary, PowIsAccurate) {
  Function single(pow, DType::F32), wide(pow, DType::F64);
  std::mt19937 rng(3);
  const auto unit = [&] { return static_cast<float>(rng()) * 0x1p-32f; };
  double worst = 0, worst64 = 0;
  for (int k = 0; k < 100000; ++k) {
    const float x = std::exp2(k % 2 ? unit() * 60 - 30 : unit() - 0.5f);
    const float y = (unit() * 2 - 1) * 126 / (std::fabs(std::log2(x)) + 1e-3f);
    const double error = ulp_error(single(x, y), std::pow(double{x}, double{y}));
    if (error > worst) {
      worst = error;
      EXPECT_LE(error, 4) << x << " ^ " << y;
    }
    if (k % 4 != 0) continue;
    const Wide want = std::pow(static_cast<Wide>(x), static_cast<Wide>(y) * 7);
    const double got = wide(x, static_cast<double>(y) * 7);
    worst64 = std::max(worst64, static_cast<double>(std::fabs(got - want) / want));
  }
  EXPECT_LE(worst, 4);
  EXPECT_LE(worst64, 1e-13);
}

TEST(KirMathBinary, PowAndAtan2HaveTheSpecialCasesOfC99) {
  const double values[] = {0.0,        -0.0,        kInf,    -kInf, kNan, 1.0,  -1.0,
                           0.5,        -0.5,        2.0,     -2.0,  3.0,  -3.0, 1e-45,
                           16777216.0, -16777217.0, 8388607, 1.5,   -1.5, 3e38, -3e38};
  Function pow32(pow, DType::F32), pow64(pow, DType::F64);
  Function atan32(atan2, DType::F32), atan64(atan2, DType::F64);
  for (double a : values) {
    for (double b : values) {
      const float x = static_cast<float>(a), y = static_cast<float>(b);
      EXPECT_LE(ulp_error(pow32(x, y), std::pow(double{x}, double{y})), 4) << x << " ^ " << y;
      EXPECT_LE(ulp_error(atan32(x, y), std::atan2(double{x}, double{y})), 3)
          << "atan2 " << x << ", " << y;
      EXPECT_LE(ulp_error(pow64(a, b), std::pow(a, b)), 1) << a << " ^ " << b;
      EXPECT_LE(ulp_error(atan64(a, b), std::atan2(a, b)), 1) << "atan2 " << a << ", " << b;
    }
  }
}

TEST(KirMathBinary, Atan2IsAccurate) {
  Function single(atan2, DType::F32);
  std::mt19937 rng(5);
  double worst = 0;
  for (int k = 0; k < 100000; ++k) {
    const float y = std::bit_cast<float>(static_cast<std::uint32_t>(rng()));
    const float x = k % 2 ? std::bit_cast<float>(static_cast<std::uint32_t>(rng())) : y * 1.7f;
    worst = std::max(worst, ulp_error(single(y, x), std::atan2(double{y}, double{x})));
  }
  EXPECT_LE(worst, 3);
}

// exp2 of an integer, and powers of two of pow, are exact.
TEST(KirMathBinary, PowersOfTwoAreExact) {
  Function exp2_32(exp2, DType::F32), exp2_64(exp2, DType::F64), pow32(pow, DType::F32);
  for (int n = -149; n <= 127; ++n) {
    EXPECT_EQ(exp2_32(n), std::ldexp(1.0, n));
    EXPECT_EQ(pow32(2, n), std::ldexp(1.0, n));
  }
  for (int n = -1074; n <= 1023; ++n) EXPECT_EQ(exp2_64(n), std::ldexp(1.0, n));
}

// Arguments of sin whose remainder is the hardest to compute: next to multiples of pi/2.
TEST(KirMathBinary, TrigonometryOfHardArguments) {
  Function sin64(sin, DType::F64), cos64(cos, DType::F64), sin32(sin, DType::F32);
  for (double x : {0x1.6ac5b262ca1ffp+849, 0x1.921fb54442d18p+0, 0x1.921fb54442d18p+1, 1e22, 1e300,
                   0x1.fffffffffffffp+1023, 5e15 + 0.5}) {
    EXPECT_NEAR(sin64(x), std::sin(x), 1e-13 * std::fabs(std::sin(x))) << x;
    EXPECT_NEAR(cos64(x), std::cos(x), 1e-13 * std::fabs(std::cos(x))) << x;
  }
  for (float x : {0x1.fe67dp+81f, 0x1.6cbe4p+18f, 16367173.0f * 0x1p+72f, 355.0f, 3.4028235e38f}) {
    EXPECT_LE(ulp_error(sin32(x), std::sin(double{x})), 2) << x;
  }
}

}  // namespace
}  // namespace lilith::kir
