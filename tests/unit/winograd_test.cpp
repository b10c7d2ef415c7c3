// Convolutions with transformed tiles: how far they are from float64, when they are allowed, and
// that neither threads nor caches change their bits.
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/codegen.h"
#include "core/env.h"
#include "eval/plan_runner.h"
#include "ir/node.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "schedule/choose.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"
#include "support/opencl.h"

namespace lilith {
namespace {

using schedule::Choice;
using schedule::Group;

using Binary = std::function<Tensor(const Tensor&, const Tensor&)>;

Tensor conv(const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, 1, 1); }

// The gradient by its first operand, given the cotangent and the second.
Binary backward_data(const Shape& x) {
  return [x](const Tensor& dy, const Tensor& w) {
    return grad([&](const Tensor& v) { return (conv(v, w) * dy).sum(); }, zeros(x).to(dy.dtype()))
        .second;
  };
}

// The gradient by its second operand, given the first and the cotangent.
Binary backward_weights(const Shape& w) {
  return [w](const Tensor& x, const Tensor& dy) {
    return grad([&](const Tensor& v) { return (conv(x, v) * dy).sum(); }, zeros(w).to(dy.dtype()))
        .second;
  };
}

Graph prepared(const Binary& f, const Tensor& a, const Tensor& b) {
  return schedule::prepare(run_passes(trace(f, a, b))).graph;
}

schedule::Target machine(int threads) {
  schedule::Target t = codegen::target();
  t.threads = threads;
  return t;
}

/// The plan with the first way of each product whose name begins like this; empty where none does.
schedule::Plan plan_with(const Graph& g, const schedule::Target& target, const std::string& way) {
  schedule::PlanOptions options;
  options.target = target;
  bool found = false;
  options.pick = [&](const Group&, const std::vector<Choice>& ways) {
    for (std::size_t k = 0; k < ways.size(); ++k) {
      if (!ways[k].name.starts_with(way)) continue;
      found = true;
      return k;
    }
    return std::size_t{0};
  };
  schedule::Plan plan = schedule::make_plan(g, options);
  return found ? std::move(plan) : schedule::Plan{};
}

std::vector<float> run(const schedule::Plan& plan, const Tensor& a, const Tensor& b) {
  const std::vector<StoragePtr> in = {a.node()->storage(), b.node()->storage()};
  PlanRunner runner(plan, in);
  runner.run();
  const auto* got = static_cast<const float*>(runner.outputs[0]->data());
  return {got, got + runner.outputs[0]->bytes() / sizeof(float)};
}

double relative_l2(const std::vector<float>& got, const std::vector<double>& want) {
  double error = 0, norm = 0;
  for (std::size_t k = 0; k < want.size(); ++k) {
    error += (got[k] - want[k]) * (got[k] - want[k]);
    norm += want[k] * want[k];
  }
  return std::sqrt(error / norm);
}

struct Operands {
  Operands(const Shape& x, const Shape& y) : a(randn(x)), b(randn(y)) { eval(a, b); }
  Tensor a, b;
};

double error_of(const Binary& f, const Operands& in, const std::string& way) {
  const schedule::Plan plan = plan_with(prepared(f, in.a, in.b), machine(2), way);
  if (plan.launches.empty()) return NAN;
  const auto want = f(in.a.to(kFloat64), in.b.to(kFloat64)).to_vector<double>();
  return relative_l2(run(plan, in.a, in.b), want);
}

// docs/architecture.md, "precision of products", states these bounds.
TEST(Winograd, StaysWithinItsBounds) {
  manual_seed(1);
  for (const std::int64_t channels : {3, 64, 256, 512}) {
    const double small = 1e-6, large = channels > 256 ? 5e-6 : 3e-6;
    const Shape x{2, 32, 8, 8}, w{channels, 32, 3, 3}, y{2, channels, 8, 8}, v{32, channels, 3, 3};
    const Operands forward(y, v), data(y, w);
    EXPECT_LT(error_of(conv, forward, "winograd F(2x2"), small) << channels;
    EXPECT_LT(error_of(conv, forward, "winograd F(4x4"), large) << channels;
    EXPECT_LT(error_of(backward_data(x), data, "winograd F(2x2"), small) << channels;
    EXPECT_LT(error_of(backward_data(x), data, "winograd F(4x4"), large) << channels;
  }
}

TEST(Winograd, StaysWithinItsBoundsFor5x5) {
  manual_seed(6);
  const Binary wide = [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, 1, 2); };
  for (const std::int64_t channels : {1, 20, 256, 512}) {
    const Operands in({2, channels, 9, 8}, {32, channels, 5, 5});
    EXPECT_LT(error_of(wide, in, "winograd F(2x2, 5x5"), channels > 256 ? 5e-6 : 3e-6) << channels;
  }
}

TEST(Winograd, StaysWithinItsBoundsForWeights) {
  manual_seed(4);
  for (const std::int64_t images : {1, 64}) {
    const Shape w{40, 24, 3, 3};
    const Operands in({images, 24, 16, 16}, {images, 40, 16, 16});
    EXPECT_LT(error_of(backward_weights(w), in, "winograd F(3x3, 2x2"), 2e-6) << images;
    EXPECT_LT(error_of(backward_weights(w), in, "winograd F(3x3, 4x4"), 5e-6) << images;
  }
}

TEST(Winograd, RoundsMoreOnlyWhereItMay) {
  const Graph g = prepared(conv, zeros({2, 64, 12, 12}), zeros({64, 64, 3, 3}));
  schedule::Target exact = machine(2);
  exact.precision = Precision::highest;
  EXPECT_TRUE(plan_with(g, exact, "winograd F(4x4").launches.empty());
  EXPECT_FALSE(plan_with(g, exact, "winograd F(2x2").launches.empty());
  EXPECT_FALSE(plan_with(g, machine(2), "winograd F(4x4").launches.empty());
  const Graph five = prepared(conv, zeros({2, 64, 12, 12}), zeros({64, 64, 5, 5}));
  EXPECT_TRUE(plan_with(five, exact, "winograd").launches.empty());
  EXPECT_FALSE(plan_with(five, machine(2), "winograd F(2x2, 5x5").launches.empty());
  const Graph weights =
      prepared(backward_weights({16, 8, 3, 3}), zeros({2, 8, 9, 9}), zeros({2, 16, 9, 9}));
  EXPECT_TRUE(plan_with(weights, exact, "winograd F(3x3, 4x4").launches.empty());
  EXPECT_FALSE(plan_with(weights, exact, "winograd F(3x3, 2x2").launches.empty());
  for (const DType dtype : {kFloat64, kFloat16, kBFloat16}) {
    const Graph other =
        prepared(conv, zeros({2, 64, 12, 12}).to(dtype), zeros({64, 64, 3, 3}).to(dtype));
    EXPECT_TRUE(plan_with(other, machine(2), "winograd").launches.empty()) << name(dtype);
  }
}

TEST(Winograd, IsForCorrelationsOf3x3And5x5Alone) {
  const auto offered = [](const ConvOptions& o, const Shape& x, const Shape& w) {
    const auto f = [o](const Tensor& a, const Tensor& b) {
      return conv2d(a, b, {}, o.stride, o.padding, o.dilation, o.groups);
    };
    return !plan_with(prepared(f, zeros(x), zeros(w)), machine(2), "winograd").launches.empty();
  };
  EXPECT_TRUE(offered({.padding = 1}, {2, 8, 9, 9}, {8, 8, 3, 3}));
  EXPECT_FALSE(offered({.stride = 2, .padding = 1}, {2, 8, 9, 9}, {8, 8, 3, 3}));
  EXPECT_FALSE(offered({.dilation = 2}, {2, 8, 9, 9}, {8, 8, 3, 3}));
  EXPECT_TRUE(offered({.padding = 2}, {2, 8, 9, 9}, {8, 8, 5, 5}));
  EXPECT_FALSE(offered({.padding = 2}, {2, 8, 9, 9}, {8, 8, 5, 3}));
  EXPECT_FALSE(offered({.padding = 3}, {2, 8, 9, 9}, {8, 8, 7, 7}));
  EXPECT_FALSE(offered({.padding = 1, .groups = 2}, {2, 8, 9, 9}, {8, 4, 3, 3}));
  EXPECT_FALSE(offered({}, {2, 8, 9, 9}, {8, 8, 1, 1}));
}

TEST(Winograd, HasTheSameBitsWithAnyThreadsAndCaches) {
  manual_seed(2);
  const Operands in({3, 20, 13, 10}, {40, 20, 3, 3});
  const Graph g = prepared(conv, in.a, in.b);
  for (const char* way : {"winograd F(2x2", "winograd F(4x4"}) {
    const std::vector<float> want = run(plan_with(g, machine(2), way), in.a, in.b);
    for (const int threads : {1, 3, 16}) {
      schedule::Target t = machine(threads);
      t.l1_bytes = 8 << 10;
      t.l2_bytes = threads * (64 << 10);
      EXPECT_EQ(run(plan_with(g, t, way), in.a, in.b), want) << way << ", " << threads;
    }
  }
}

// All three passes of two layers, in one program that takes these ways by itself.
TEST(Winograd, TrainsANetwork) {
  manual_seed(5);
  const Tensor x = randn({16, 32, 16, 16}), v = randn({64, 32, 3, 3}) * 0.1,
               w = randn({64, 64, 3, 3}) * 0.1;
  eval(x, v, w);
  const auto loss = [](const Tensor& a, const Tensor& b, const Tensor& c) {
    const Tensor y = relu(conv(a, b));
    return (conv(y, c) * tanh(conv(y, c))).mean();
  };
  const auto gradients = [&](const Tensor& a, const Tensor& b, const Tensor& c) {
    return std::vector<Tensor>{grad([&](const Tensor& t) { return loss(t, b, c); }, a).second,
                               grad([&](const Tensor& t) { return loss(a, t, c); }, b).second,
                               grad([&](const Tensor& t) { return loss(a, b, t); }, c).second};
  };
  auto compiled = compile(
      [&](const Tensor& a, const Tensor& b, const Tensor& c) { return gradients(a, b, c); });
  const std::vector<Tensor> got = compiled(x, v, w);
  const std::string how = compiled.explain();
  EXPECT_NE(how.find("winograd F(4x4"), std::string::npos);
  EXPECT_NE(how.find("winograd F(3x3"), std::string::npos);
  const auto want = gradients(x.to(kFloat64), v.to(kFloat64), w.to(kFloat64));
  for (std::size_t k = 0; k < want.size(); ++k)
    EXPECT_LT(relative_l2(got[k].to_vector<float>(), want[k].to_vector<double>()), 1e-5) << k;
}

// Whatever the remainders of the sizes are, they give the bits of programs of their own; batches
// share their code.
TEST(Winograd, IsThereWhereSizesVary) {
  const auto step = [](const Tensor& x, const Tensor& w, const Tensor& v) {
    const auto loss = [&](const Tensor& a, const Tensor& b) {
      return sin(conv(tanh(conv(x, a)), b)).sum();
    };
    return std::vector<Tensor>{grad([&](const Tensor& a) { return loss(a, v); }, w).second,
                               grad([&](const Tensor& b) { return loss(w, b); }, v).second};
  };
  auto general = compile(step);
  const Tensor w = randn({64, 32, 3, 3}) * 0.1, v = randn({64, 64, 3, 3}) * 0.1;
  eval(w, v);
  const auto expect_own_bits = [&](const Shape& shape) {
    const Tensor x = randn(shape);
    auto own = compile(step, {.dynamic = false});
    const std::vector<Tensor> got = general(x, w, v), want = own(x, w, v);
    for (std::size_t k = 0; k < want.size(); ++k)
      EXPECT_EQ(got[k].to_vector<float>(), want[k].to_vector<float>()) << shape << ": " << k;
    for (const std::string& how : {general.explain(), own.explain()}) {
      EXPECT_NE(how.find("winograd F(4x4, 3x3)"), std::string::npos);
      EXPECT_NE(how.find("winograd F(3x3, 4x4)"), std::string::npos);
    }
  };
  for (const std::int64_t n : {2, 3, 5}) expect_own_bits({n, 32, 44, 46});
  for (const auto& [height, width] : {std::pair{45, 47}, {51, 61}, {52, 48}, {50, 53}})
    expect_own_bits({2, 32, height, width});
  const auto batches = [&](std::int64_t first, std::int64_t last) {
    const std::int64_t before = cache_stats().compiled;
    for (std::int64_t n = first; n < last; ++n) eval(general(randn({n, 32, 44, 46}), w, v)[0]);
    return cache_stats().compiled - before;
  };
  batches(6, 20);
  EXPECT_LE(batches(20, 32), 6);  // programs for which code was made
}

schedule::Plan plan_where(const Graph& g, std::vector<std::int64_t> varying) {
  schedule::PlanOptions options;
  options.target = machine(2);
  options.target.l2_bytes = 1 << 20;
  options.varying = std::move(varying);
  return schedule::make_plan(g, options);
}

bool has_winograd(const schedule::Plan& plan) {
  return std::ranges::any_of(
      plan.launches, [](const schedule::LaunchPlan& l) { return l.how.starts_with("winograd"); });
}

// A batch of as many images as there are channels.
TEST(Winograd, TakesNoChannelsForSizesThatVary) {
  const Graph g = prepared(backward_weights({320, 320, 3, 3}), zeros({320, 320, 8, 8}),
                           zeros({320, 320, 8, 8}));
  EXPECT_TRUE(has_winograd(plan_where(g, {320})));
}

// Its kernels would be others for each size.
TEST(Winograd, IsNotUnderPoolingsWhereSizesVary) {
  const Binary pooled = [](const Tensor& x, const Tensor& w) {
    return max_pool2d(relu(conv(x, w)), 2);
  };
  const Graph g = prepared(pooled, zeros({8, 64, 44, 44}), zeros({64, 64, 3, 3}));
  EXPECT_TRUE(has_winograd(plan_where(g, {})));
  EXPECT_FALSE(has_winograd(plan_where(g, {8, 44, 46})));
}

TEST(Winograd, RunsOnOpenCl) {
  NEEDS_OPENCL;
  const Operands in({4, 32, 16, 16}, {64, 32, 3, 3});
  const auto want = conv(in.a.to(kFloat64), in.b.to(kFloat64)).to_vector<double>();
  const Tensor there = conv(in.a.to(opencl(0)), in.b.to(opencl(0)));
  EXPECT_LT(relative_l2(there.to_vector<float>(), want), 3e-6);
}

TEST(Winograd, CanBeLeftOut) {
  const Graph g = prepared(conv, zeros({2, 64, 12, 12}), zeros({64, 64, 3, 3}));
  const std::string before = env::text("LILITH_DISABLE");
  env::set("LILITH_DISABLE", "winograd");
  EXPECT_TRUE(plan_with(g, machine(2), "winograd").launches.empty());
  env::set("LILITH_DISABLE", before);
  EXPECT_FALSE(plan_with(g, machine(2), "winograd").launches.empty());
}

}  // namespace
}  // namespace lilith
