// Optimisers and schedules against torch.optim.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lilith/compile.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "support/shared.h"

namespace lilith {
namespace {

using Json = nlohmann::ordered_json;

struct Net {
  Linear a{2, 3, {.dtype = DType::F64}};
  Linear b{3, 1, {.dtype = DType::F64}};
  Tensor operator()(const Tensor& x) const { return sigmoid(b(sigmoid(a(x)))); }
};

double number(const Json& kwargs, const char* key, double otherwise) {
  return kwargs.contains(key) ? kwargs[key].get<double>() : otherwise;
}

std::optional<Optimizer> make(const std::string& name, const Json& k) {
  const double lr = number(k, "lr", -1), decay = number(k, "weight_decay", 0);
  if (name == "SGD")
    return SGD({.lr = lr, .momentum = number(k, "momentum", 0), .weight_decay = decay});
  if (name == "Adam") return Adam({.lr = lr, .weight_decay = decay});
  if (name == "AdamW") return AdamW({.lr = lr});
  if (name == "Adagrad") return Adagrad({.lr = lr, .weight_decay = decay});
  if (name == "RMSprop") return RMSprop({.lr = lr, .weight_decay = decay});
  if (name == "Adamax") return Adamax();
  if (name == "RAdam") return RAdam();
  if (name == "Adadelta") return Adadelta();
  if (name == "ASGD") return ASGD();
  if (name == "Rprop") return Rprop();
  return {};
}

Json read_json(const std::string& path) { return Json::parse(std::ifstream(path)); }

Tensor leaf(const Json& values, const Shape& shape) {
  const auto v = values.get<std::vector<double>>();
  return from_data(v.data(), shape);
}

Net initial(const Json& init) {
  Net net;
  net.a.weight = leaf(init[0], {3, 2});
  net.a.bias = leaf(init[1], {3});
  net.b.weight = leaf(init[2], {1, 3});
  net.b.bias = leaf(init[3], {1});
  return net;
}

void expect_parameters(const Net& net, const Json& want, const std::string& what) {
  std::size_t p = 0;
  for_each_parameter(net, [&](const std::string& path, const Tensor& t) {
    const auto got = t.to_vector<double>();
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double w = want[p][i].get<double>();
      ASSERT_NEAR(got[i], w, 1e-9 + 1e-7 * std::abs(w)) << what << " " << path << "[" << i << "]";
    }
    ++p;
  });
}

const auto loss_fn = [](const Net& m, const Tensor& x) { return sum(m(x)); };

TEST(OptimGolden, StepsAsTorch) {
  LILITH_SHARED_OR_SKIP(path, "golden/torch/optim.json");
  const Json golden = read_json(path);
  const auto rows = golden["input"].get<std::vector<std::vector<double>>>();
  std::vector<double> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const Tensor x = from_data(flat.data(), {3, 2});
  int runs = 0;
  for (const Json& run : golden["runs"]) {
    auto opt = make(run["optimizer"], run["kwargs"]);
    // LBFGS calls the loss itself; the NAdam of that release counts mu twice (see the test below).
    if (!opt) continue;
    const std::string what = run["optimizer"].get<std::string>() + run["kwargs"].dump();
    Net net = initial(golden["init"]);
    for (int step = 0; step <= 100; ++step) {
      auto [loss, g] = grad(loss_fn, net, x);
      update(*opt, net, std::move(g));
      const std::string key = std::to_string(step);
      if (!run["after_step"].contains(key)) continue;
      expect_parameters(net, run["after_step"][key], what + " step " + key);
      if (HasFatalFailure()) break;
    }
    ++runs;
  }
  EXPECT_EQ(runs, 15);
}

TEST(OptimGolden, CompiledStepsAsTorch) {
  LILITH_SHARED_OR_SKIP(path, "golden/torch/optim.json");
  const Json golden = read_json(path);
  const Tensor x = tensor({{0.1, 0.2}, {0.3, 0.4}, {0.5, 0.6}}, {.dtype = DType::F64});
  const auto compiled = compile([](Net& m, Optimizer& o, const Tensor& in) {
    auto [loss, g] = grad(loss_fn, m, in);
    update(o, m, g);
    return loss;
  });
  for (const Json& run : golden["runs"]) {
    auto opt = make(run["optimizer"], run["kwargs"]);
    if (!opt) continue;
    const std::string what = run["optimizer"].get<std::string>() + run["kwargs"].dump();
    Net net = initial(golden["init"]);
    compiled(net, *opt, x);
    const auto traces = cache_stats().traces;
    for (int step = 1; step <= 100; ++step) {
      compiled(net, *opt, x);
      const std::string key = std::to_string(step);
      if (!run["after_step"].contains(key)) continue;
      expect_parameters(net, run["after_step"][key], what + " step " + key);
      if (HasFatalFailure()) break;
    }
    EXPECT_EQ(cache_stats().traces, traces) << what;
  }
}

TEST(OptimGolden, NAdamAsItsDefinition) {
  Net net;
  net.a.weight = full({3, 2}, 0.5, {.dtype = DType::F64});
  double p = 0.5, m = 0, v = 0, product = 1;
  NAdam opt({.lr = 0.01, .weight_decay = 0.1});
  for (int t = 1; t <= 5; ++t) {
    Net g = net;
    for_each_parameter(g, [](const std::string&, Tensor& x) { x = Tensor(); });
    g.a.weight = full({3, 2}, 0.3 * t, {.dtype = DType::F64});
    update(opt, net, g);
    const auto mu = [](int step) { return 0.9 * (1 - 0.5 * std::pow(0.96, step * 4e-3)); };
    const double grad = 0.3 * t + 0.1 * p;
    product *= mu(t);
    m = 0.9 * m + 0.1 * grad;
    v = 0.999 * v + 0.001 * grad * grad;
    const double denom = std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8;
    p -= 0.01 * (1 - mu(t)) / (1 - product) * grad / denom;
    p -= 0.01 * mu(t + 1) / (1 - product * mu(t + 1)) * m / denom;
    EXPECT_NEAR(net.a.weight.to_vector<double>()[0], p, 1e-12) << "step " << t;
  }
}

std::optional<LRScheduler> make_schedule(const std::string& name, const Json& k, Optimizer& opt) {
  const auto real = [&](const char* key) { return k[key].get<double>(); };
  const auto whole = [&](const char* key) { return k[key].get<std::int64_t>(); };
  if (name == "StepLR")
    return StepLR(opt, {.step_size = whole("step_size"), .gamma = real("gamma")});
  if (name == "MultiStepLR")
    return MultiStepLR(opt, {.milestones = k["milestones"], .gamma = real("gamma")});
  if (name == "ExponentialLR") return ExponentialLR(opt, {.gamma = real("gamma")});
  if (name == "CosineAnnealingLR")
    return CosineAnnealingLR(opt, {.T_max = whole("T_max"), .eta_min = real("eta_min")});
  if (name == "CosineAnnealingWarmRestarts")
    return CosineAnnealingWarmRestarts(
        opt, {.T_0 = whole("T_0"), .T_mult = whole("T_mult"), .eta_min = real("eta_min")});
  if (name == "LinearLR")
    return LinearLR(opt,
                    {.start_factor = real("start_factor"), .total_iters = whole("total_iters")});
  if (name == "ConstantLR")
    return ConstantLR(opt, {.factor = real("factor"), .total_iters = whole("total_iters")});
  if (name == "PolynomialLR")
    return PolynomialLR(opt, {.total_iters = whole("total_iters"), .power = real("power")});
  const auto text = [&](const char* key, const char* otherwise) {
    return k.contains(key) ? k[key].get<std::string>() : std::string(otherwise);
  };
  if (name == "OneCycleLR") {
    const std::string strategy = text("anneal_strategy", "cos");
    return OneCycleLR(opt, {.max_lr = real("max_lr"),
                            .total_steps = whole("total_steps"),
                            .anneal_strategy = strategy,
                            .three_phase = k.contains("three_phase")});
  }
  if (name == "CyclicLR") {
    const std::string mode = text("mode", "triangular");
    return CyclicLR(opt, {.base_lr = real("base_lr"),
                          .max_lr = real("max_lr"),
                          .step_size_up = whole("step_size_up"),
                          .mode = mode,
                          .cycle_momentum = false});
  }
  return {};
}

TEST(OptimGolden, SchedulesAsTorch) {
  LILITH_SHARED_OR_SKIP(path, "golden/torch/schedulers.json");
  int runs = 0;
  for (const Json& run : read_json(path)) {
    SGD opt({.lr = run["base_lr"].get<double>(), .momentum = 0.9});
    const std::string what = run["scheduler"].get<std::string>() + run["kwargs"].dump();
    auto schedule = make_schedule(run["scheduler"], run["kwargs"], opt);
    ASSERT_TRUE(schedule) << what;
    const auto want = run["lr"].get<std::vector<double>>();
    for (std::size_t t = 0; t < want.size(); ++t) {
      EXPECT_NEAR(opt.lr(), want[t], 1e-12) << what << " epoch " << t;
      schedule->step();
    }
    ++runs;
  }
  EXPECT_EQ(runs, 12);
}

}  // namespace
}  // namespace lilith
