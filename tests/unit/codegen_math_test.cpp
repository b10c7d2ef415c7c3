#include <bit>
#include <thread>

#include "codegen_run.h"
#include "lilith/kernel_math.h"

// The maths functions as compiled code, against the C library in double precision, by unit in the
// last place. The fast suite takes one float in a thousand; --gtest_also_run_disabled_tests takes
// all 2^32.
namespace lilith::codegen::testing {
namespace {

struct Row {
  const char* name;
  kir::Expr (*emit)(kir::Expr);
  double (*ref)(double);
  double ulp;              // promised in F32
  double low = -INFINITY;  // tested from here
  double high = INFINITY;
};

double sigmoid_ref(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
double rsqrt_ref(double x) { return 1 / std::sqrt(x); }

const Row kRows[] = {
    {"exp", kir::exp, std::exp, 2},
    {"exp2", kir::exp2, std::exp2, 2},
    {"expm1", kir::expm1, std::expm1, 3},
    {"log", kir::log, std::log, 2},
    {"log2", kir::log2, std::log2, 2},
    {"log10", kir::log10, std::log10, 2},
    {"log1p", kir::log1p, std::log1p, 3},
    {"sin", kir::sin, std::sin, 2},
    {"cos", kir::cos, std::cos, 2},
    {"tan", kir::tan, std::tan, 4},
    {"asin", kir::asin, std::asin, 4},
    {"acos", kir::acos, std::acos, 4},
    {"atan", kir::atan, std::atan, 4},
    {"sinh", kir::sinh, std::sinh, 4},
    {"cosh", kir::cosh, std::cosh, 4},
    {"tanh", kir::tanh, std::tanh, 3},
    {"asinh", kir::asinh, std::asinh, 4},
    {"acosh", kir::acosh, std::acosh, 4},
    {"atanh", kir::atanh, std::atanh, 4},
    {"erf", kir::erf, std::erf, 3},
    {"erfc", kir::erfc, std::erfc, 8},
    {"lgamma", kir::lgamma, std::lgamma, 8, 3, INFINITY},
    {"sigmoid", kir::sigmoid, sigmoid_ref, 4},
    {"rsqrt", kir::rsqrt, rsqrt_ref, 2},
};

constexpr int kChunk = 1 << 14;

CompiledKernel compile_unary(const Row& row, DType dtype, Isa isa) {
  kir::Kernel k;
  k.name = row.name;
  const kir::BufferId x = k.add_buffer("x", dtype, kChunk), y = k.add_buffer("y", dtype, kChunk);
  k.buffers.back().written = true;
  const kir::Expr i = k.pool->var(kChunk, "i");
  k.body = {kir::make_for(i, kir::LoopKind::Vector,
                          {kir::Store{y, i, row.emit(k.pool->load(x, dtype, i)), {}}})};
  const kir::Kernel* list[] = {&k};
  return compile_kernels(list, target_for(isa))[0];
}

/// Distance in units of the last place of a float near `want`.
double ulp_error(float got, double want) {
  if (std::isnan(want) || std::isnan(got))
    return std::isnan(want) && std::isnan(got) ? 0 : INFINITY;
  if (static_cast<double>(got) == want) return 0;
  if (std::isinf(static_cast<float>(want)) && std::isinf(got))
    return std::signbit(got) == std::signbit(want) ? 0 : INFINITY;
  if (std::isinf(want)) return INFINITY;
  const double got_at = std::isinf(got) ? std::copysign(0x1p128, got) : got;
  const int exponent = want == 0 ? -126 : std::clamp(std::ilogb(want), -126, 127);
  return std::abs(got_at - want) / std::ldexp(1.0, exponent - 23);
}

struct Worst {
  double ulp = 0;
  float x = 0, got = 0;
};

/// All floats first, first + step, … of the 2^32.
Worst sweep(const Row& row, const CompiledKernel& code, std::uint64_t first, std::uint64_t step) {
  Worst worst;
  std::vector<float> x(kChunk), y(kChunk);
  void* params[] = {x.data(), y.data()};
  for (std::uint64_t at = first; at < (std::uint64_t{1} << 32);) {
    int n = 0;
    for (; n < kChunk && at < (std::uint64_t{1} << 32); at += step) {
      x[static_cast<std::size_t>(n++)] = std::bit_cast<float>(static_cast<std::uint32_t>(at));
    }
    code.fn(params, 0, 1, nullptr);
    for (int i = 0; i < n; ++i) {
      const float xi = x[static_cast<std::size_t>(i)], yi = y[static_cast<std::size_t>(i)];
      if (xi < row.low || xi > row.high) continue;
      const double e = ulp_error(yi, row.ref(xi));
      if (e > worst.ulp) worst = {e, xi, yi};
    }
  }
  return worst;
}

void expect_within(const Row& row, const Worst& w, Isa isa) {
  EXPECT_LE(w.ulp, row.ulp) << row.name << "(" << w.x << ") = " << w.got << ", want "
                            << row.ref(w.x) << ", isa " << static_cast<int>(isa);
}

TEST(CodegenMath, F32Sample) {
  for (const Row& row : kRows) {
    for (Isa isa : isas()) {
      const std::uint64_t step = isa == isas().back() ? 1021 : 65521;
      expect_within(row, sweep(row, compile_unary(row, DType::F32, isa), 3, step), isa);
    }
  }
}

class CodegenMathAll : public ::testing::TestWithParam<Row> {};

TEST_P(CodegenMathAll, DISABLED_F32) {
  const Row& row = GetParam();
  const CompiledKernel code = compile_unary(row, DType::F32, target().isa);
  Worst half[2];
  std::thread other([&] { half[1] = sweep(row, code, 1, 2); });
  half[0] = sweep(row, code, 0, 2);
  other.join();
  const Worst& worst = half[0].ulp > half[1].ulp ? half[0] : half[1];
  expect_within(row, worst, target().isa);
  std::printf("%s: %.3f ulp at %.9g\n", row.name, worst.ulp, static_cast<double>(worst.x));
}
INSTANTIATE_TEST_SUITE_P(Every, CodegenMathAll, ::testing::ValuesIn(kRows),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(CodegenMath, F64) {
  std::mt19937_64 rng(5);
  for (const Row& row : kRows) {
    for (Isa isa : isas()) {
      const CompiledKernel code = compile_unary(row, DType::F64, isa);
      std::vector<double> x(kChunk), y(kChunk);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double u = static_cast<double>(rng() >> 11) * 0x1p-53 * 2 - 1;
        x[i] = i % 3 == 0 ? u : i % 3 == 1 ? u * 20 : std::ldexp(u, static_cast<int>(rng() % 20));
      }
      void* params[] = {x.data(), y.data()};
      code.fn(params, 0, 1, nullptr);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (x[i] < row.low || x[i] > row.high) continue;
        const double want = row.ref(x[i]);
        if (std::isnan(want) ? std::isnan(y[i]) : y[i] == want) continue;
        EXPECT_LE(std::abs(y[i] - want), 1e-13 * std::abs(want) + 1e-300)
            << row.name << "(" << x[i] << ") isa " << static_cast<int>(isa);
        if (HasFailure()) break;
      }
    }
  }
}

/// Two arguments: special cases crossed, then random ones.
template <class F, class G>
void check_binary(const char* name, F emit, G ref, double ulp) {
  const float special[] = {0.F,  -0.F, 1.F,      -1.F,      0.5F, -0.5F,  2.F,   3.F,
                           -2.F, -3.F, INFINITY, -INFINITY, NAN,  1e-40F, 3e38F, -1e30F};
  constexpr int n = static_cast<int>(std::size(special));
  std::mt19937 rng(3);
  std::uniform_real_distribution<float> real(-8, 8);
  std::vector<float> x(kChunk), y(kChunk), z(kChunk);
  for (int i = 0; i < kChunk; ++i) {
    const auto at = static_cast<std::size_t>(i);
    x[at] = i < n * n ? special[i / n] : i % 4 == 0 ? real(rng) : std::exp2(real(rng) * 4);
    y[at] = i < n * n ? special[i % n] : real(rng);
  }
  for (Isa isa : isas()) {
    kir::Kernel k;
    k.name = name;
    kir::BufferId b[3];
    for (kir::BufferId& id : b) id = k.add_buffer("b", DType::F32, kChunk);
    k.buffers.back().written = true;
    const kir::Expr i = k.pool->var(kChunk, "i");
    k.body = {kir::make_for(
        i, kir::LoopKind::Vector,
        {kir::Store{b[2],
                    i,
                    emit(k.pool->load(b[0], DType::F32, i), k.pool->load(b[1], DType::F32, i)),
                    {}}})};
    const kir::Kernel* list[] = {&k};
    const CompiledKernel code = compile_kernels(list, target_for(isa))[0];
    void* params[] = {x.data(), y.data(), z.data()};
    code.fn(params, 0, 1, nullptr);
    int wrong = 0;
    for (std::size_t at = 0; at < z.size() && wrong < 8; ++at) {
      const double e = ulp_error(z[at], ref(x[at], y[at]));
      if (e <= ulp) continue;
      ++wrong;
      ADD_FAILURE() << name << "(" << x[at] << ", " << y[at] << ") = " << z[at] << ", want "
                    << ref(x[at], y[at]) << ", " << e << " ulp, isa " << static_cast<int>(isa);
    }
  }
}

TEST(CodegenMath, Pow) {
  check_binary("pow", kir::pow, [](double a, double b) { return std::pow(a, b); }, 4);
}
TEST(CodegenMath, Atan2) {
  check_binary("atan2", kir::atan2, [](double a, double b) { return std::atan2(a, b); }, 4);
}
TEST(CodegenMath, Fmod) {
  check_binary("fmod", kir::fmod, [](double a, double b) { return std::fmod(a, b); }, 0);
}

}  // namespace
}  // namespace lilith::codegen::testing
