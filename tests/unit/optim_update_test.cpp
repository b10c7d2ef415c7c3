#include <gtest/gtest.h>

#include <cmath>

#include "lilith/compile.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

struct Net {
  Linear a{2, 3};
  Linear b{3, 1};
  Tensor operator()(const Tensor& x) const { return b(sigmoid(a(x))); }
};
const auto loss_fn = [](const Net& m, const Tensor& x) { return mean(m(x)); };

double first(const Tensor& t) { return t.to(DType::F64).to_vector<double>()[0]; }

// Two parameters with gradient 1.
struct Pair {
  Tensor x = zeros({2}, {.dtype = DType::F64});
  Tensor y = zeros({2}, {.dtype = DType::F64});
};
Pair ones_pair() { return {ones({2}, {.dtype = DType::F64}), ones({2}, {.dtype = DType::F64})}; }

TEST(Update, IgnoredParametersStay) {
  Pair p;
  SGD opt({.lr = 0.5});
  update(opt, p, ones_pair(), {.ignore = {"y"}});
  EXPECT_EQ(first(p.x), -0.5);
  EXPECT_EQ(first(p.y), 0);
  EXPECT_NE(error_text([&] {
              update(opt, p, ones_pair(), {.ignore = {"z"}});
            }).find("update: ignore names 'z', which is no parameter of the model."),
            std::string::npos);
}

TEST(Update, UndefinedGradientsLeaveTheParameter) {
  Pair p, g = ones_pair();
  g.y = Tensor();
  Adam opt({.lr = 0.1});
  update(opt, p, g);
  EXPECT_NEAR(first(p.x), -0.1, 1e-6);
  EXPECT_EQ(first(p.y), 0);
}

TEST(Update, MovedGradientsAreTakenAndOthersKept) {
  Pair p, g = ones_pair();
  SGD opt({.lr = 1});
  update(opt, p, g);
  EXPECT_EQ(first(g.x), 1);
  update(opt, p, std::move(g));
  EXPECT_FALSE(g.x.defined());
  EXPECT_EQ(first(p.x), -2);
}

TEST(Update, GroupsHaveTheirOwnRates) {
  Pair p;
  SGD opt({.lr = 1});
  opt.add_param_group("y", {{"lr", 0.25}});
  update(opt, p, ones_pair());
  EXPECT_EQ(first(p.x), -1);
  EXPECT_EQ(first(p.y), -0.25);
  opt.param_groups()[1].hyper["lr"] = 0.5;
  update(opt, p, ones_pair());
  EXPECT_EQ(first(p.y), -0.75);
  EXPECT_NE(
      error_text([&] {
        opt.add_param_group("x", {{"rate", 1}});
      }).find("SGD: no hyper-parameter 'rate'; it has dampening, lr, momentum, weight_decay."),
      std::string::npos);
  EXPECT_EQ(opt.param_groups().size(), 2u);
}

TEST(Update, AParameterThatJoinsLateCountsItsOwnSteps) {
  Pair p;
  Adam opt({.lr = 0.1});
  for (int i = 0; i < 3; ++i) {
    Pair g = ones_pair();
    g.y = Tensor();
    struct OnlyX {
      Tensor x;
    } m{p.x}, gx{g.x};
    update(opt, m, gx);
    p.x = m.x;
  }
  update(opt, p, ones_pair());
  EXPECT_NEAR(first(p.y), -0.1, 1e-6);
}

TEST(Update, StepsAndRatesCompileNothingNew) {
  Net net;
  Adam opt({.lr = 0.1});
  const Tensor x = ones({4, 2});
  const auto step = [&] {
    auto [loss, g] = grad(loss_fn, net, x);
    update(opt, net, std::move(g));
  };
  step();
  const auto compiled = cache_stats().compiled;
  step();
  opt.set_lr(0.01);
  step();
  EXPECT_EQ(cache_stats().compiled, compiled);
}

TEST(Update, ACompiledStepIsTracedOnce) {
  struct Both {
    Net left, right;
  } m;
  Adam left({.lr = 0.1}), right({.lr = 0.1});
  const Tensor x = ones({4, 2});
  const auto traces = cache_stats().traces;
  const auto step = compile([](Both& b, Adam& l, Adam& r, const Tensor& in) {
    auto [loss, g] = grad(loss_fn, b.left, in);
    update(l, b.left, g);
    auto [other, h] = grad(loss_fn, b.right, in);
    update(r, b.right, h, {.ignore = {"b"}});
    return loss + other;
  });
  const double before = first(m.right.b.weight);
  const double start = step(m, left, right, x).item<double>();
  const auto after_first = cache_stats().traces;
  EXPECT_LE(after_first - traces, 3);  // one more for each optimiser without state
  left.set_lr(0.01);
  double last = start;
  for (int i = 0; i < 5; ++i) last = step(m, left, right, x).item<double>();
  EXPECT_EQ(cache_stats().traces, after_first);
  EXPECT_LT(last, start);
  EXPECT_EQ(first(m.right.b.weight), before);
  EXPECT_EQ(left.param_groups()[0].step.item<double>(), 6);
}

TEST(Update, AFunctionThatHidesItsOptimiserSaysSo) {
  Net net;
  static Adam hidden;
  const auto step = compile([](Net& m, const Tensor& in) {
    auto [loss, g] = grad(loss_fn, m, in);
    update(hidden, m, g);
    return loss;
  });
  EXPECT_NE(error_text([&] { step(net, ones({4, 2})); }).find("pass both as non-const arguments"),
            std::string::npos);
}

TEST(Update, OptimisersAreValues) {
  Pair p, q;
  SGD opt({.lr = 1, .momentum = 0.9});
  update(opt, p, ones_pair());
  Optimizer copy = opt;
  copy.set_lr(0.5);
  EXPECT_EQ(opt.lr(), 1);
  q = p;
  update(opt, p, ones_pair());
  update(copy, q, ones_pair());
  EXPECT_NEAR(first(p.x), -2.9, 1e-12);
  EXPECT_NEAR(first(q.x), -1.95, 1e-12);
  EXPECT_EQ(copy.name(), "SGD");
  EXPECT_NEAR(opt.state("x").at("momentum_buffer").to_vector<double>()[0], 1.9, 1e-12);
}

TEST(Update, StateIsSavedUnderItsPath) {
  Pair p;
  Adam opt;
  update(opt, p, ones_pair());
  const StateDict dict = state_dict(opt);
  EXPECT_EQ(dict.count("state.x.exp_avg"), 1u);
  EXPECT_EQ(dict.count("groups.0.step"), 1u);
  Adam other;
  other.prepare(p);
  load_state_dict(other, dict);
  EXPECT_EQ(other.param_groups()[0].step.item<double>(), 1);
}

TEST(Update, BadUseIsAnError) {
  Pair p, g = ones_pair();
  g.x = ones({3}, {.dtype = DType::F64});
  SGD opt;
  EXPECT_NE(
      error_text([&] { update(opt, p, g); }).find("update: 'x' is f64[2], its gradient is f64[3]."),
      std::string::npos);
  EXPECT_NE(
      error_text([] { SGD({.lr = 0.1, .nesterov = true}); }).find("nesterov needs momentum > 0"),
      std::string::npos);
  EXPECT_NE(error_text([] { Adam({.lr = -1}); }).find("Adam: lr must not be negative; got -1."),
            std::string::npos);
  EXPECT_NE(
      error_text([] { Adam({.betas = {1, 0.9}}); }).find("Adam: beta1 must be below 1; got 1."),
      std::string::npos);
}

TEST(Clip, ScalesToTheCommonNorm) {
  Pair g = ones_pair();
  EXPECT_NEAR(clip_grad_norm_(as_gradients(g), 1).item<double>(), 2, 1e-12);
  EXPECT_NEAR(first(g.x), 0.5, 1e-6);
  clip_grad_norm_(as_gradients(g), 10);
  EXPECT_NEAR(first(g.x), 0.5, 1e-6);
  clip_grad_value_(as_gradients(g), 0.25);
  EXPECT_EQ(first(g.y), 0.25);
}

TEST(Schedule, SequentialAndPlateau) {
  SGD opt({.lr = 1});
  SequentialLR schedule(
      opt, {ConstantLR({.factor = 0.1, .total_iters = 2}), ExponentialLR({.gamma = 0.5})}, {2});
  std::vector<double> rates;
  for (int i = 0; i < 5; ++i, schedule.step()) rates.push_back(opt.lr());
  EXPECT_EQ(rates, (std::vector<double>{0.1, 0.1, 1, 0.5, 0.25}));
  SGD plateau({.lr = 1});
  ReduceLROnPlateau reduce(plateau, {.patience = 1});
  for (const double metric : {1.0, 0.5, 0.5, 0.5}) reduce.step(metric);
  EXPECT_NEAR(plateau.lr(), 0.1, 1e-12);
}

TEST(Schedule, OneCycleMovesTheMomentum) {
  Adam opt({.lr = 0.1});
  OneCycleLR schedule(opt, {.max_lr = 1, .total_steps = 10});
  EXPECT_NEAR(opt.hyper("beta1").value(), 0.95, 1e-12);
  for (int i = 0; i < 10; ++i) schedule.step();
  EXPECT_NE(error_text([&] { schedule.step(); }).find("OneCycleLR: step 11 of 10 steps."),
            std::string::npos);
  StepLR detached({.step_size = 2});
  EXPECT_NE(error_text([&] { detached.step(); }).find("call attach(opt) before"),
            std::string::npos);
}

struct Lookup {
  Embedding table{4, 3};
  Linear out{3, 2};
  Tensor operator()(const Tensor& i) const { return out(table(i)); }
};

// Without compile: the step fails when it is evaluated.
TEST(Update, OneThatFailsLeavesModelAndOptimiser) {
  manual_seed(4);
  Lookup net, other;
  other = net;
  AdamW opt({.lr = 0.1}), other_opt({.lr = 0.1});
  const auto step = [](Lookup& net, AdamW& opt, const Tensor& i) {
    auto [loss, g] = grad([&](const Lookup& m) { return m(i).pow(2).mean(); }, net);
    update(opt, net, std::move(g));
    return loss;
  };
  const auto all = [](const Lookup& net, const AdamW& opt) {
    std::vector<std::vector<float>> out;
    for (const auto& [path, t] : state_dict(net)) out.push_back(t.to_vector<float>());
    for (const auto& [path, t] : state_dict(opt)) out.push_back(t.to(kFloat32).to_vector<float>());
    return out;
  };
  const Tensor good = tensor({0, 3, 1}), bad = tensor({0, 5, 1});
  for (int k = 0; k < 3; ++k) {
    const auto before = k == 0 ? decltype(all(net, opt)){} : all(net, opt);
    EXPECT_NE(error_text([&] { step(net, opt, bad); }).find("index 5 is out of range"),
              std::string::npos);
    if (k > 0) {
      EXPECT_EQ(all(net, opt), before);
    }
    EXPECT_EQ(step(net, opt, good).item<float>(), step(other, other_opt, good).item<float>());
  }
  EXPECT_EQ(all(net, opt), all(other, other_opt));
  // A step that is not held back is written in place.
  const auto donated = cache_stats().donated;
  step(net, opt, good);
  EXPECT_GE(cache_stats().donated, donated + 6);
}

}  // namespace
}  // namespace lilith
