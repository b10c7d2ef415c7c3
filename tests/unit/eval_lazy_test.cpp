#include <gtest/gtest.h>

#include <cmath>

#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/memory.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"

namespace lilith {
namespace {

Tensor f64(std::vector<double> values) {
  return from_data(values.data(), Shape{static_cast<std::int64_t>(values.size())});
}
std::vector<double> values(const Tensor& t) { return t.to(kFloat64).to_vector<double>(); }
bool stored(const Tensor& t) { return t.node()->storage() != nullptr; }

struct Model {
  Tensor weight = f64({1, 2}), bias = zeros({2}, {.dtype = kFloat64});
};

TEST(Lazy, WhatIsStillHeldIsStoredByTheSameRun) {
  const Tensor x = f64({1, 2});
  const Tensor h = exp(x);
  Tensor y = (h * 3).sum();
  const auto before = cache_stats().runs;
  y.item<double>();
  EXPECT_TRUE(stored(h));
  values(h);
  EXPECT_EQ(cache_stats().runs, before + 1);
}

TEST(Lazy, TemporariesAndViewsAreNotStored) {
  const Tensor x = f64({1, 2, 3, 4});
  const Tensor view = x.reshape({2, 2});
  const Tensor y = (view * 2).sum();
  eval(y);
  EXPECT_FALSE(stored(view));
  EXPECT_TRUE(stored(y));
}

// What lies in memory while one expression is computed, in arrays of its operands' size.
template <class F>
double arrays_beside(const F& value, const Tensor& like) {
  reset_peak_memory();
  const std::int64_t live = memory_stats().live_bytes;
  static_cast<void>(value());
  return static_cast<double>(memory_stats().peak_bytes - live) /
         static_cast<double>(like.numel() * 4);
}

TEST(Lazy, StepsOfOneExpressionAreNotStored) {
  const Tensor x = rand({1 << 18}), y = rand({1 << 18});
  eval(x, y);
  EXPECT_LT(arrays_beside([&] { return ((x - y) * (x - y)).mean().item<float>(); }, x), 0.5);
  EXPECT_LT(arrays_beside([&] { return sum(exp(-abs(x - y))).item<float>(); }, x), 0.5);
  EXPECT_LT(arrays_beside([&] { return (x - y).abs().exp().sum().item<float>(); }, x), 0.5);
  EXPECT_LT(
      arrays_beside([&] { return (x * 2.0).reshape({512, 512}).sum({1}).max().item<float>(); }, x),
      0.5);
  const Tensor a = x.reshape({512, 1, 512}), b = y.reshape({1, 512, 512});
  EXPECT_LT(
      arrays_beside([&] { return ((a - b) * (a - b)).sum({2}).sqrt().max().item<float>(); }, x), 2);
}

TEST(Lazy, AMethodUsesUpATemporaryAlone) {
  const Tensor x = f64({1, 4});
  Tensor h = x * 2.0;
  EXPECT_EQ(h.sqrt().sum().item<double>(), std::sqrt(2.0) + std::sqrt(8.0));
  EXPECT_TRUE(h.defined());
  EXPECT_EQ(values(h), (std::vector<double>{2, 8}));
  const Tensor moved = std::move(h).sqrt();
  EXPECT_FALSE(h.defined());
  EXPECT_EQ(values(moved), (std::vector<double>{std::sqrt(2.0), std::sqrt(8.0)}));
  Tensor other = x * 3.0;
  const Arg arg = std::move(other);
  EXPECT_FALSE(other.defined());
  EXPECT_EQ(values(Arg(arg).tensor()), (std::vector<double>{3, 12}));
}

TEST(Lazy, EqualStructuresShareAProgram) {
  auto f = [](Tensor x, double k) { return (x * k).sum().item<double>(); };
  f(f64({1, 2, 5}), 1.5);
  const CacheStats before = cache_stats();
  EXPECT_EQ(f(f64({1, 2, 3}), 2.5), 15);  // a floating literal is a run-time scalar
  EXPECT_EQ(cache_stats().compiled, before.compiled);
  EXPECT_EQ(cache_stats().hits, before.hits + 1);
  (f64({1, 2, 3}) * 2).sum().item<double>();  // an integral one is baked
  (f64({1, 2, 3}) * 3).sum().item<double>();
  EXPECT_EQ(cache_stats().compiled, before.compiled + 2);
}

TEST(Lazy, LeavesThatDieAreDonated) {
  Tensor w = f64({1, 2}) * 1.5;
  eval(w);
  const auto before = cache_stats().donated;
  w = w * 2.5;
  eval(w);
  EXPECT_EQ(cache_stats().donated, before + 1);
  const Tensor old = w;
  w = w * 2.5;
  eval(w);
  EXPECT_EQ(cache_stats().donated, before + 1);
  EXPECT_EQ(values(old), (std::vector<double>{3.75, 7.5}));
  EXPECT_EQ(values(w), (std::vector<double>{9.375, 18.75}));
}

TEST(Lazy, AnotherPendingGraphKeepsALeaf) {
  Tensor w = f64({1, 2}) * 1.5;
  eval(w);
  const Tensor other = w + 1;  // not evaluated now, needs the old value
  w = w * 2.5;
  eval(w);
  EXPECT_EQ(values(other), (std::vector<double>{2.5, 4}));
}

TEST(Lazy, LentMemoryIsNeverWritten) {
  Tensor w = f64({1, 2}) * 1.5;
  const double* p = w.data<double>();
  const auto keep = w.node()->storage();
  w = w * 2.5;
  eval(w);
  EXPECT_EQ(p[1], 3);
}

TEST(Lazy, StepsOneAndTwoOfATrainingLoopAreOneProgram) {
  Model m;
  auto loss_fn = [](const Model& m, Tensor x) {
    return ((m.weight * x + m.bias) * m.weight).sum();
  };
  std::int64_t compiled_at[4];
  for (int k = 0; k < 4; ++k) {
    auto [loss, g] = grad(loss_fn, m, f64({1.0 * k, 2}));
    m = map_parameters([](Tensor p, Tensor g) { return p - g * 0.25; }, m, g);
    eval_pending(m);
    EXPECT_TRUE(stored(loss));
    EXPECT_TRUE(stored(g.weight));
    compiled_at[k] = cache_stats().compiled;
  }
  EXPECT_EQ(compiled_at[0], compiled_at[3]);
}

TEST(Lazy, EvalOfModelsAndTensorsIsOneProgram) {
  Model m;
  m.weight = m.weight * 2.5;
  const Tensor t = m.weight + 1;
  const auto before = cache_stats().runs;
  eval(m, t);
  EXPECT_EQ(cache_stats().runs, before + 1);
  EXPECT_EQ(values(t), (std::vector<double>{3.5, 6}));
}

TEST(Lazy, ALongPendingGraphIsEvaluatedByItself) {
  Tensor total = f64({0});
  for (int k = 0; k < 30000; ++k) total = total + 1;
  EXPECT_LT(ir::topological_order({total}).size(), 15000u);
  EXPECT_EQ(values(total), (std::vector<double>{30000}));
}

TEST(Lazy, TheMeanOfNothingIsAnUnsignedNaN) {
  for (const DType dtype : {kFloat32, kFloat64, kFloat16}) {
    const double mean = zeros({0}, {.dtype = dtype}).mean().to(kFloat64).item<double>();
    EXPECT_EQ(fmt::format("{}", mean), "nan");
  }
}

}  // namespace
}  // namespace lilith
