// Products of f16 and bf16: every way to compute them sums exact products in f32, and those that
// say that they sum in one order give the same bits, AVX512-BF16's pairs among them.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "codegen/codegen.h"
#include "eval/plan_runner.h"
#include "ir/node.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "schedule/choose.h"
#include "schedule/cpu/contraction/packed_sums.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace lilith {
namespace {

using schedule::Choice;
using schedule::Group;

struct Case {
  const char* name;
  std::function<Tensor(const Tensor&, const Tensor&)> f;  // of f32
  Shape a, b;
};

std::vector<Case> cases() {
  const auto plain = [](const Tensor& a, const Tensor& b) { return matmul(a, b); };
  return {
      {"rows", plain, {61, 96}, {96, 53}},
      {"odd sum", plain, {33, 75}, {75, 40}},
      {"a transposed",
       [](const Tensor& a, const Tensor& b) { return matmul(a.t(), b); },
       {120, 61},
       {120, 53}},
      {"b transposed",
       [](const Tensor& a, const Tensor& b) { return matmul(a, b.t()); },
       {61, 120},
       {53, 120}},
      {"batches", plain, {3, 30, 48}, {3, 48, 40}},
      {"long sum", plain, {40, 1200}, {1200, 33}},
      {"epilogue",
       [](const Tensor& a, const Tensor& b) { return tanh(matmul(a, b) * 0.1) + 1; },
       {50, 128},
       {128, 64}},
      {"conv",
       [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, 1, 1); },
       {3, 8, 9, 11},
       {16, 8, 3, 3}},
      {"pooled",
       [](const Tensor& x, const Tensor& w) { return max_pool2d(relu(conv2d(x, w, {}, 1, 1)), 2); },
       {3, 8, 12, 12},
       {16, 8, 3, 3}},
  };
}

Tensor values(const Shape& shape, DType dtype) {
  const Tensor x = sin(arange(shape.numel()).to(kFloat64) * 0.7 + 0.3).reshape(shape);
  const Tensor t = x.to(dtype);
  eval(t);
  return t;
}

schedule::Target small_caches() {
  schedule::Target t = codegen::target();
  t.threads = 3;
  t.l1_bytes = 1 << 10;
  t.l2_bytes = 8 << 10;
  return t;
}

/// The names of the ways of a case, every one of which was run.
std::string expect_all_ways_agree(const Case& c, DType dtype, const schedule::Target& target) {
  SCOPED_TRACE(std::string(c.name) + " " + std::string(name(dtype)));
  const Tensor a = values(c.a, dtype), b = values(c.b, dtype);
  const auto want = c.f(a.to(kFloat64), b.to(kFloat64)).to_vector<double>();
  double scale = 1;
  for (const double w : want) scale = std::max(scale, std::abs(w));
  const auto widened = [&](const Tensor& x, const Tensor& y) {
    return c.f(x.to(kFloat32), y.to(kFloat32));
  };
  const Graph g = schedule::prepare(run_passes(trace(widened, a, b))).graph;
  const std::vector<StoragePtr> in = {a.node()->storage(), b.node()->storage()};
  std::map<std::vector<std::int64_t>, std::vector<float>> by_order;
  std::string all;
  std::size_t ways = 1;
  for (std::size_t w = 0; w < ways; ++w) {
    std::vector<std::int64_t> order;
    std::string how;
    schedule::PlanOptions options;
    options.target = target;
    options.pick = [&](const Group& group, const std::vector<Choice>& of) {
      if (!std::holds_alternative<schedule::Product>(group)) return std::size_t{0};
      ways = of.size();
      order = of[w].sum_order;
      how = of[w].name;
      return w;
    };
    const schedule::Plan plan = schedule::make_plan(g, options);
    PlanRunner runner(plan, in);
    runner.run();
    all += how + "; ";
    const auto* got = static_cast<const float*>(runner.outputs[0]->data());
    for (std::size_t k = 0; k < want.size(); ++k) {
      EXPECT_NEAR(got[k], want[k], 1e-5 * scale) << "element " << k << " of " << how;
      if (::testing::Test::HasFailure()) return all;
    }
    const std::vector<float> result(got, got + want.size());
    EXPECT_EQ(by_order.try_emplace(order, result).first->second, result) << how;
  }
  return all;
}

TEST(HalfProducts, AreExactInF32WhateverTheWay) {
  std::string all;
  for (const Case& c : cases()) all += expect_all_ways_agree(c, kBFloat16, small_caches());
  all += expect_all_ways_agree(cases()[0], kFloat16, small_caches());
  for (const char* kind : {"b in panels", "a copied", "blocks of"})
    EXPECT_NE(all.find(kind), std::string::npos) << kind;
  const bool has_pairs = schedule::packed_cycles(small_caches(), kBFloat16, kBFloat16) > 0;
  EXPECT_EQ(all.find("in pairs") != std::string::npos, has_pairs);
}

// u8 times i8 in i32, four steps at a time where the CPU has VNNI: exact, whatever the way.
TEST(HalfProducts, BytesAreExactInI32) {
  std::string all;
  for (const Case& c : cases()) {
    const std::string name = c.name;
    if (name != "rows" && name != "b transposed" && name != "conv") continue;
    const Tensor a = (arange(c.a.numel()) * 37 % 256).reshape(c.a).to(kUInt8),
                 b = (arange(c.b.numel()) * 91 % 256 - 128).reshape(c.b).to(kInt8);
    eval(a, b);
    const auto f = [&](const Tensor& x, const Tensor& y) {
      return c.f(x.to(kInt32), y.to(kInt32));
    };
    const auto want = c.f(a.to(kFloat64), b.to(kFloat64)).to(kInt32).to_vector<int>();
    const Graph g = schedule::prepare(run_passes(trace(f, a, b))).graph;
    const std::vector<StoragePtr> in = {a.node()->storage(), b.node()->storage()};
    std::size_t ways = 1;
    for (std::size_t w = 0; w < ways; ++w) {
      std::string how;
      schedule::PlanOptions options;
      options.target = small_caches();
      options.pick = [&](const Group& group, const std::vector<Choice>& of) {
        if (!std::holds_alternative<schedule::Product>(group)) return std::size_t{0};
        ways = of.size();
        how = of[w].name;
        return w;
      };
      const schedule::Plan plan = schedule::make_plan(g, options);
      PlanRunner runner(plan, in);
      runner.run();
      all += how + "; ";
      const auto* got = static_cast<const int*>(runner.outputs[0]->data());
      EXPECT_EQ(std::vector<int>(got, got + want.size()), want) << c.name << ": " << how;
    }
  }
  const bool has_fours = schedule::packed_cycles(small_caches(), kUInt8, kInt8) > 0;
  EXPECT_EQ(all.find("in fours") != std::string::npos, has_fours);
}

// Numbers that f32's sums round, of all sizes, some denormal: vdpbf16ps rounds as two FMAs.
TEST(HalfProducts, PairsRoundAsFmas) {
  if (schedule::packed_cycles(codegen::target(), kBFloat16, kBFloat16) == 0)
    GTEST_SKIP() << "SKIPPED: this CPU has no AVX512-BF16";
  const Case c{
      "sizes", [](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {40, 512}, {512, 64}};
  manual_seed(9);
  const auto drawn = [](const Shape& s) {
    const Tensor t = (randn(s) * exp2(randint(-20, 20, s).to(kFloat32))).to(kBFloat16);
    eval(t);
    return t;
  };
  const Tensor a = drawn(c.a), b = drawn(c.b);
  const Graph g =
      schedule::prepare(
          run_passes(trace(
              [&](const Tensor& x, const Tensor& y) { return c.f(x.to(kFloat32), y.to(kFloat32)); },
              a, b)))
          .graph;
  const auto run = [&](bool pairs) {
    schedule::PlanOptions options;
    options.target = codegen::target();
    options.pick = [&](const Group&, const std::vector<Choice>& ways) {
      for (std::size_t k = 0; k < ways.size(); ++k)
        if (ways[k].sum_order.empty() &&
            (ways[k].name.find("in pairs") != std::string::npos) == pairs)
          return k;
      ADD_FAILURE() << "there is no such way";
      return std::size_t{0};
    };
    const schedule::Plan plan = schedule::make_plan(g, options);
    const std::vector<StoragePtr> in = {a.node()->storage(), b.node()->storage()};
    PlanRunner runner(plan, in);
    runner.run();
    const auto* got = static_cast<const float*>(runner.outputs[0]->data());
    return std::vector<float>(got, got + 40 * 64);
  };
  EXPECT_EQ(run(true), run(false));
}

}  // namespace
}  // namespace lilith
