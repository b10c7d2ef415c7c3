#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "lilith/optim.h"
#include "parity/bind.h"
#include "parity/optimizers.h"

namespace lilith::parity {
namespace {

class Schedules {
 public:
  Schedules(const Json& kwargs, Optimizer& optimizer) : k_(kwargs), opt_(optimizer) {}

  std::optional<LRScheduler> make(const std::string& name) const {
    if (name == "StepLR")
      return StepLR(opt_, {.step_size = whole("step_size", 0), .gamma = real("gamma", 0.1)});
    if (name == "MultiStepLR")
      return MultiStepLR(opt_, {.milestones = k_.at("milestones"), .gamma = real("gamma", 0.1)});
    if (name == "ExponentialLR") return ExponentialLR(opt_, {.gamma = real("gamma", 0)});
    if (name == "CosineAnnealingLR")
      return CosineAnnealingLR(opt_, {.T_max = whole("T_max", 0), .eta_min = real("eta_min", 0)});
    if (name == "CosineAnnealingWarmRestarts")
      return CosineAnnealingWarmRestarts(
          opt_,
          {.T_0 = whole("T_0", 0), .T_mult = whole("T_mult", 1), .eta_min = real("eta_min", 0)});
    if (name == "LinearLR")
      return LinearLR(opt_, {.start_factor = real("start_factor", 1.0 / 3),
                             .end_factor = real("end_factor", 1),
                             .total_iters = whole("total_iters", 5)});
    if (name == "ConstantLR")
      return ConstantLR(
          opt_, {.factor = real("factor", 1.0 / 3), .total_iters = whole("total_iters", 5)});
    if (name == "PolynomialLR")
      return PolynomialLR(opt_,
                          {.total_iters = whole("total_iters", 5), .power = real("power", 1)});
    if (name == "OneCycleLR") return one_cycle();
    if (name == "CyclicLR") return cyclic();
    if (name == "LambdaLR") return by_function<LambdaLR>();
    if (name == "MultiplicativeLR") return by_function<MultiplicativeLR>();
    return {};
  }

 private:
  double real(const char* key, double otherwise) const {
    const auto it = k_.find(key);
    return it == k_.end() || it->is_null() ? otherwise : it->get<double>();
  }
  std::int64_t whole(const char* key, std::int64_t otherwise) const {
    return static_cast<std::int64_t>(real(key, static_cast<double>(otherwise)));
  }
  bool flag(const char* key, bool otherwise) const {
    const auto it = k_.find(key);
    return it == k_.end() || it->is_null() ? otherwise : it->get<bool>();
  }
  std::string text(const char* key, const char* otherwise) const {
    const auto it = k_.find(key);
    return it == k_.end() || it->is_null() ? otherwise : it->get<std::string>();
  }

  /// LAMBDAS of make_samples.py.
  static std::function<double(std::int64_t)> function(const std::string& word) {
    if (word == "power") return [](std::int64_t t) { return std::pow(0.9, t); };
    if (word == "inverse") return [](std::int64_t t) { return 1 / (1 + static_cast<double>(t)); };
    if (word == "warmup")
      return [](std::int64_t t) { return std::min((static_cast<double>(t) + 1) / 5, 1.0); };
    if (word == "steps") return [](std::int64_t t) { return std::pow(0.5, t / 7); };
    if (word == "one") return [](std::int64_t) { return 1.0; };
    throw Unsupported("no function " + word);
  }
  template <class S>
  LRScheduler by_function() const {
    const Json& words = k_.at("lr_lambda");
    if (words.is_string()) return S(opt_, function(words));
    return S(opt_, std::vector{function(words[0]), function(words[1])});
  }

  LRScheduler one_cycle() const {
    const std::string strategy = text("anneal_strategy", "cos");
    return OneCycleLR(opt_, {.max_lr = real("max_lr", 0),
                             .total_steps = whole("total_steps", 0),
                             .epochs = whole("epochs", 0),
                             .steps_per_epoch = whole("steps_per_epoch", 0),
                             .pct_start = real("pct_start", 0.3),
                             .anneal_strategy = strategy,
                             .cycle_momentum = flag("cycle_momentum", true),
                             .base_momentum = real("base_momentum", 0.85),
                             .max_momentum = real("max_momentum", 0.95),
                             .div_factor = real("div_factor", 25),
                             .final_div_factor = real("final_div_factor", 1e4),
                             .three_phase = flag("three_phase", false)});
  }
  LRScheduler cyclic() const {
    const std::string mode = text("mode", "triangular");
    CyclicLROptions o{.base_lr = real("base_lr", 0),
                      .max_lr = real("max_lr", 0),
                      .step_size_up = whole("step_size_up", 2000),
                      .mode = mode,
                      .gamma = real("gamma", 1),
                      .cycle_momentum = flag("cycle_momentum", true),
                      .base_momentum = real("base_momentum", 0.8),
                      .max_momentum = real("max_momentum", 0.9)};
    if (k_.contains("step_size_down") && !k_["step_size_down"].is_null())
      o.step_size_down = whole("step_size_down", 0);
    return CyclicLR(opt_, o);
  }

  const Json& k_;
  Optimizer& opt_;
};

std::string outcome(const Json& run) {
  SGD optimizer({.lr = run["base_lr"].get<double>(), .momentum = 0.9});
  const bool two = run.contains("second_lr");
  if (two) optimizer.add_param_group("second", {{"lr", run["second_base_lr"].get<double>()}});
  const std::string name = run["scheduler"];
  auto schedule = Schedules(run["kwargs"], optimizer).make(name);
  if (!schedule) throw Unsupported("no schedule " + name);
  const auto want = run["lr"].get<std::vector<double>>();
  if (want.empty()) return "no rate is stored";
  for (std::size_t t = 0; t < want.size(); ++t) {
    if (!(std::abs(optimizer.lr() - want[t]) <= 1e-12))  // a NaN too
      return fmt::format("epoch {} has {:.15g}, expected {:.15g}", t, optimizer.lr(), want[t]);
    if (two) {
      const double got = optimizer.hyper("lr", 1).value(), of_two = run["second_lr"][t];
      if (!(std::abs(got - of_two) <= 1e-12))
        return fmt::format("epoch {}: the second group has {:.15g}, expected {:.15g}", t, got,
                           of_two);
    }
    if (t + 1 < want.size()) schedule->step();
  }
  return "";
}

}  // namespace

Count run_schedulers(const std::string& path, const std::string& name) {
  return count_runs(training_runs(path), name, outcome);
}

}  // namespace lilith::parity
