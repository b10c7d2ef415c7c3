// Denormals are taken for 0 inside programs, unless the user wants them; the caller's own
// arithmetic stays as it was.
#include "runtime/denormals.h"

#include <gtest/gtest.h>

#include <cfenv>
#include <chrono>
#include <limits>

#include "codegen_run.h"
#include "core/env.h"
#include "eval/program.h"
#include "lilith/compile.h"
#include "lilith/ops.h"
#include "lilith/runtime.h"

namespace lilith {
namespace {

constexpr float kTiny = 1e-39f;  // a denormal

struct Denormals : ::testing::Test {
  ~Denormals() override {
    set_flush_denormal(true);
    env::set("LILITH_CHECK_NAN", "");
  }
  static bool kept_here() {
    volatile float x = kTiny;
    return x * 0.5f > 0;
  }
  static Tensor filled(double value, DType dtype = kFloat32) {
    Tensor x = full({1000}, value, {.dtype = dtype});
    eval(x);
    return x;
  }
};

TEST_F(Denormals, AreZeroInProgramsByDefault) {
  EXPECT_TRUE(flush_denormal());
  const Tensor x = filled(kTiny);
  EXPECT_EQ((x * 0.5)[7].item<float>(), 0);               // an operand
  EXPECT_EQ((filled(1e-30) * 1e-9)[7].item<float>(), 0);  // a result
  EXPECT_EQ(log(x)[7].item<float>(), -std::numeric_limits<float>::infinity());
  EXPECT_EQ((filled(1e-310, kFloat64) * 0.5)[7].item<double>(), 0);
  EXPECT_EQ(x[7].item<float>(), kTiny) << "a copy is not arithmetic";
}

TEST_F(Denormals, AreKeptWhereTheUserWantsThem) {
  set_flush_denormal(false);
  EXPECT_FALSE(flush_denormal());
  const Tensor x = filled(kTiny);
  EXPECT_EQ((x * 0.5)[7].item<float>(), kTiny * 0.5f);
  EXPECT_EQ((filled(1e-30) * 1e-9)[7].item<float>(), 1e-30f * 1e-9f);
  EXPECT_NEAR(log(x)[7].item<float>(), std::log(kTiny), 1e-4);
  EXPECT_EQ((filled(1e-310, kFloat64) * 0.5)[7].item<double>(), 0.5e-310);
}

TEST_F(Denormals, EveryThreadOfARunFlushes) {
  const int before = num_threads();
  for (const int n : {1, 2, 5}) {
    set_num_threads(n);
    Tensor x = full({1 << 20}, kTiny);
    eval(x);
    for (const bool flush : {true, false}) {
      set_flush_denormal(flush);
      EXPECT_EQ((x * 0.5 > 0).sum().item<std::int64_t>(), flush ? 0 : 1 << 20) << n << " threads";
    }
  }
  set_num_threads(before);
}

TEST_F(Denormals, HalvesKeepTheirs) {
  const Tensor x = filled(0x1p-24, kFloat16);
  EXPECT_EQ(static_cast<float>((x * 3)[7].item<half>()), 0x3p-24f);
  EXPECT_EQ(x.to(kFloat32)[7].item<float>(), 0x1p-24f);
}

// Conversions of all 65536 halves by every instruction set, in both modes.
TEST_F(Denormals, NoConversionOfHalvesGoesThroughOne) {
  using namespace kir;
  Kernel k;
  k.name = "halves";
  const BufferId h = k.add_buffer("h", DType::F16, 1 << 16);
  const BufferId wide = k.add_buffer("wide", DType::F32, 1 << 16);
  const BufferId back = k.add_buffer("back", DType::F16, 1 << 16);
  k.buffers[static_cast<std::size_t>(wide)].written = true;
  k.buffers[static_cast<std::size_t>(back)].written = true;
  const Expr i = k.pool->var(1 << 16, "i");
  const Expr x = k.pool->load(h, DType::F16, i);
  k.body = {make_for(i, LoopKind::Vector, {Store{wide, i, x, {}}, Store{back, i, x * 0.5, {}}})};
  codegen::testing::Inputs inputs(3);
  for (int bits = 0; bits < 1 << 16; ++bits) {
    const auto b = static_cast<std::uint16_t>(bits);
    const auto* p = reinterpret_cast<const char*>(&b);
    inputs[0].insert(inputs[0].end(), p, p + 2);
  }
  inputs[1].resize(4 << 16);
  inputs[2].resize(2 << 16);
  for (const bool flush : {true, false}) {
    const runtime::DenormalMode mode(flush);
    codegen::testing::check(k, inputs, 0);
  }
}

TEST_F(Denormals, TheCallersModeIsAsBefore) {
  const Tensor x = filled(kTiny);
  const auto f = compile([](const Tensor& t) { return t * 0.5; });
  for (const bool flush : {true, false}) {
    set_flush_denormal(flush);
    for (const bool caller_flushes : {true, false}) {
      Tensor y;
      {
        const runtime::DenormalMode mode(caller_flushes);
        std::fesetround(FE_UPWARD);
        y = f(x);
        EXPECT_EQ(kept_here(), !caller_flushes);
        EXPECT_EQ(std::fegetround(), FE_UPWARD);
        std::fesetround(FE_TONEAREST);
      }
      EXPECT_EQ(y[7].item<float>() == 0, flush);
    }
  }
}

TEST_F(Denormals, TheCallersModeIsAsBeforeWhenARunThrows) {
  const Tensor x = filled(kTiny), far = full({3}, 1000, {.dtype = kInt64});
  EXPECT_TRUE(kept_here());
  EXPECT_THROW(gather(x * 0.5, 0, far + far).to_vector<float>(), Error);
  EXPECT_TRUE(kept_here());
  env::set("LILITH_CHECK_NAN", "1");
  EXPECT_THROW(log(x - 1.0).to_vector<float>(), Error);
  EXPECT_TRUE(kept_here());
}

TEST_F(Denormals, ADecayDoesNotSlowDown) {
  Tensor x = full({1 << 16}, 1.0);
  const auto step = compile([](Tensor& x) {
    for (int k = 0; k < 8; ++k) x = x * 0.5 + x * 0.25;
  });
  const auto best_of = [&](int steps) {
    double best = 1e9;
    for (int k = 0; k < steps; ++k) {
      const auto start = std::chrono::steady_clock::now();
      step(x);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      best = std::min(best, took.count());
    }
    return best;
  };
  step(x);
  const double normal = best_of(30);  // after 248 halvings and quarterings: 0.75^248 = 1e-31
  EXPECT_GT(x[0].item<float>(), 1e-32f);
  const double late = best_of(30);  // would be denormal from step 38 on, and for ever
  EXPECT_EQ(x[0].item<float>(), 0);
  EXPECT_LT(late, 3 * normal);
}

TEST_F(Denormals, TheInterpreterSaysThatItKeepsThem) {
  const Graph g = trace([](const Tensor& x) { return x * 0.5; }, filled(1));
  EXPECT_NE(make_eager_program(g)->stats().text.find("denormals are kept"), std::string::npos);
}

}  // namespace
}  // namespace lilith
