// The formulas of torch.optim.lr_scheduler.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "lilith/optim/scheduler.h"
#include "optim/numbers.h"

namespace lilith {

using optim::RateStep;
using optim::Schedule;

namespace {

double cosine(double from, double to, double fraction) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * fraction));
}
double linear(double from, double to, double fraction) { return (to - from) * fraction + from; }
double as_double(std::int64_t i) { return static_cast<double>(i); }

/// A schedule that is the same formula of the base, whatever the rate is now.
Schedule absolute(std::string name,
                  std::function<double(double time, std::size_t group, double base)> closed,
                  std::function<double(double, std::size_t)> momentum = {},
                  std::function<void(Optimizer&)> prepare = {}) {
  const auto next = [closed](const RateStep& s) { return closed(s.time, s.group, s.base); };
  return {.name = std::move(name),
          .next = next,
          .closed = std::move(closed),
          .momentum = std::move(momentum),
          .prepare = std::move(prepare)};
}

/// One factor for all groups, or one a group.
double factor_of(const std::vector<LambdaLR::Factor>& factors, std::size_t group, double time) {
  LILITH_CHECK(factors.size() == 1 || group < factors.size(),
               "LambdaLR: {} functions for more parameter groups; need one, or one a group.",
               factors.size());
  return factors[factors.size() == 1 ? 0 : group](static_cast<std::int64_t>(time));
}

Schedule lambda(std::vector<LambdaLR::Factor> factors) {
  LILITH_CHECK(!factors.empty(), "LambdaLR: no function; need one, or one a group.");
  return absolute("LambdaLR", [f = std::move(factors)](double t, std::size_t group, double base) {
    return base * factor_of(f, group, t);
  });
}

Schedule multiplicative(std::vector<LambdaLR::Factor> factors) {
  LILITH_CHECK(!factors.empty(), "MultiplicativeLR: no function; need one, or one a group.");
  return {.name = "MultiplicativeLR",
          .next =
              [f = factors](const RateStep& s) {
                return s.initial ? s.now : s.now * factor_of(f, s.group, s.time);
              },
          .closed =
              [f = factors](double t, std::size_t group, double base) {
                for (double i = 1; i <= t; ++i) base *= factor_of(f, group, i);
                return base;
              },
          .only_next = true};
}

/// A number for all groups, or a list of one a group.
class PerGroup {
 public:
  PerGroup(double value, std::vector<double> values) : value_(value), values_(std::move(values)) {}
  double operator[](std::size_t group) const { return values_.empty() ? value_ : values_[group]; }
  void check(const char* schedule, const char* option, const Optimizer& opt) const {
    LILITH_CHECK(values_.empty() || values_.size() == opt.param_groups().size(),
                 "{}: {} has {} numbers; {} has {} parameter groups.", schedule, option,
                 values_.size(), opt.name(), opt.param_groups().size());
  }

 private:
  double value_;
  std::vector<double> values_;
};

// The phases of one cycle: each goes from one value to the next and ends at a (fractional) step.
struct OneCycle {
  enum Level { Low, High, Least };
  struct Phase {
    double end;
    Level from, to;
    double momentum_from, momentum_to;
  };
  OneCycle(const OneCycleLROptions& o, std::int64_t steps)
      : max_lr(o.max_lr, o.max_lrs),
        div(o.div_factor),
        final_div(o.final_div_factor),
        anneal(o.anneal_strategy == "cos" ? cosine : linear),
        total(as_double(steps)) {
    const double up = o.pct_start * total, m0 = o.max_momentum, m1 = o.base_momentum;
    if (o.three_phase)
      phases = {{up - 1, Low, High, m0, m1},
                {2 * up - 2, High, Low, m1, m0},
                {total - 1, Low, Least, m0, m0}};
    else
      phases = {{up - 1, Low, High, m0, m1}, {total - 1, High, Least, m1, m0}};
  }
  double level(Level l, std::size_t group) const {
    const double high = max_lr[group], low = high / div;
    return l == High ? high : l == Low ? low : low / final_div;
  }
  std::pair<const Phase*, double> at(double t) const {
    LILITH_CHECK(t <= total, "OneCycleLR: step {} of {} steps.", t, total);
    double start = 0;
    for (const Phase& p : phases) {
      if (t <= p.end || &p == &phases.back()) return {&p, (t - start) / (p.end - start)};
      start = p.end;
    }
    return {&phases.back(), 1};
  }
  double rate(double t, std::size_t group) const {
    const auto [p, part] = at(t);
    return anneal(level(p->from, group), level(p->to, group), part);
  }
  double momentum(double t) const {
    const auto [p, part] = at(t);
    return anneal(p->momentum_from, p->momentum_to, part);
  }

  PerGroup max_lr;
  double div, final_div;
  double (*anneal)(double, double, double);
  double total;
  std::vector<Phase> phases;
};

struct Cycle {
  explicit Cycle(const CyclicLROptions& o)
      : low(o.base_lr, o.base_lrs),
        high(o.max_lr, o.max_lrs),
        up(as_double(o.step_size_up)),
        total(up + (o.step_size_down > 0 ? as_double(o.step_size_down) : up)),
        by_cycle(o.scale_fn ? o.scale_mode == "cycle" : o.mode != "exp_range"),
        scale(o.scale_fn) {
    if (scale) return;
    if (o.mode == "triangular2")
      scale = [](double cycle) { return 1 / std::pow(2.0, cycle - 1); };
    else if (o.mode == "exp_range")
      scale = [gamma = o.gamma](double t) { return std::pow(gamma, t); };
    else
      scale = [](double) { return 1.0; };
  }
  // From `from` at height 0 to `to` at height 1.
  double between(double from, double to, double t) const {
    const double cycle = std::floor(1 + t / total), x = 1 + t / total - cycle, ratio = up / total;
    const double height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
    return from + (to - from) * height * scale(by_cycle ? cycle : t);
  }
  PerGroup low, high;
  double up, total;
  bool by_cycle;
  std::function<double(double)> scale;
};

}  // namespace

Schedule optim::schedule_of(const StepLROptions& o) {
  LILITH_CHECK(o.step_size > 0, "StepLR: step_size must be positive; got {}.", o.step_size);
  const double size = as_double(o.step_size), gamma = o.gamma;
  return {.name = "StepLR",
          .next =
              [=](const RateStep& s) {
                return s.time == 0 || std::fmod(s.time, size) != 0 ? s.now : s.now * gamma;
              },
          .closed = [=](double t, std::size_t,
                        double base) { return base * std::pow(gamma, std::floor(t / size)); }};
}

Schedule optim::schedule_of(const MultiStepLROptions& o) {
  const auto count = [milestones = o.milestones](auto accept) {
    return as_double(std::count_if(milestones.begin(), milestones.end(),
                                   [&](std::int64_t m) { return accept(as_double(m)); }));
  };
  return {.name = "MultiStepLR",
          .next =
              [=, gamma = o.gamma](const RateStep& s) {
                const double here = count([&](double m) { return m == s.time; });
                return here == 0 ? s.now : s.now * std::pow(gamma, here);
              },
          .closed =
              [=, gamma = o.gamma](double t, std::size_t, double base) {
                return base * std::pow(gamma, count([&](double m) { return m <= t; }));
              }};
}

Schedule optim::schedule_of(const ExponentialLROptions& o) {
  LILITH_CHECK(o.gamma > 0, "ExponentialLR: gamma must be positive; got {}.", o.gamma);
  return {
      .name = "ExponentialLR",
      .next = [=](const RateStep& s) { return s.initial ? s.now : s.now * o.gamma; },
      .closed = [=](double t, std::size_t, double base) { return base * std::pow(o.gamma, t); }};
}

Schedule optim::schedule_of(const CosineAnnealingLROptions& o) {
  LILITH_CHECK(o.T_max > 0, "CosineAnnealingLR: T_max must be positive; got {}.", o.T_max);
  const double period = as_double(o.T_max), least = o.eta_min;
  const auto height = [=](double t) { return 1 + std::cos(std::numbers::pi * t / period); };
  return {.name = "CosineAnnealingLR",
          .next =
              [=](const RateStep& s) {
                if (s.initial) return s.now;
                // The rate of the step before is the least one: a factor of it would be 0 / 0.
                if (std::fmod(s.time - 1 - period, 2 * period) == 0)
                  return s.now + (s.base - least) * (1 - std::cos(std::numbers::pi / period)) / 2;
                return height(s.time) / height(s.time - 1) * (s.now - least) + least;
              },
          .closed = [=](double t, std::size_t,
                        double base) { return least + (base - least) * height(t) / 2; }};
}

Schedule optim::schedule_of(const CosineAnnealingWarmRestartsOptions& o) {
  LILITH_CHECK(o.T_0 > 0 && o.T_mult >= 1,
               "CosineAnnealingWarmRestarts: need T_0 > 0 and T_mult >= 1; got {} and {}.", o.T_0,
               o.T_mult);
  return absolute("CosineAnnealingWarmRestarts", [o](double t, std::size_t, double base) {
    double period = as_double(o.T_0);
    if (o.T_mult == 1) t = std::fmod(t, period);
    for (; t >= period; period *= as_double(o.T_mult)) t -= period;
    return o.eta_min + (base - o.eta_min) * (1 + std::cos(std::numbers::pi * t / period)) / 2;
  });
}

Schedule optim::schedule_of(const LinearLROptions& o) {
  LILITH_CHECK(o.total_iters > 0, "LinearLR: total_iters must be positive; got {}.", o.total_iters);
  LILITH_CHECK(o.start_factor > 0 && o.start_factor <= 1,
               "LinearLR: start_factor must be above 0 and at most 1; got {}.", o.start_factor);
  LILITH_CHECK(o.end_factor >= 0 && o.end_factor <= 1,
               "LinearLR: end_factor must be in [0, 1]; got {}.", o.end_factor);
  const double from = o.start_factor, rise = o.end_factor - o.start_factor;
  const double total = as_double(o.total_iters);
  return {.name = "LinearLR",
          .next =
              [=](const RateStep& s) {
                if (s.time == 0) return s.now * from;
                if (s.initial || s.time > total) return s.now;
                return s.now * (1 + rise / (total * from + (s.time - 1) * rise));
              },
          .closed = [=](double t, std::size_t,
                        double base) { return base * (from + rise * std::min(t, total) / total); }};
}

Schedule optim::schedule_of(const ConstantLROptions& o) {
  LILITH_CHECK(o.factor >= 0 && o.factor <= 1, "ConstantLR: factor must be in [0, 1]; got {}.",
               o.factor);
  const double total = as_double(o.total_iters), factor = o.factor;
  return {.name = "ConstantLR",
          .next =
              [=](const RateStep& s) {
                if (s.time == 0) return s.now * factor;
                if (s.time != total) return s.now;
                return factor == 0 ? s.base : s.now * (1 / factor);
              },
          .closed = [=](double t, std::size_t,
                        double base) { return base * (factor + (t >= total ? 1 - factor : 0)); }};
}

Schedule optim::schedule_of(const PolynomialLROptions& o) {
  LILITH_CHECK(o.total_iters > 0, "PolynomialLR: total_iters must be positive; got {}.",
               o.total_iters);
  const double total = as_double(o.total_iters), power = o.power;
  return {.name = "PolynomialLR",
          .next =
              [=](const RateStep& s) {
                if (s.initial || s.time > total) return s.now;
                return s.now * std::pow((1 - s.time / total) / (1 - (s.time - 1) / total), power);
              },
          .closed =
              [=](double t, std::size_t, double base) {
                return base * std::pow(1 - std::min(t, total) / total, power);
              }};
}

Schedule optim::schedule_of(const SWALROptions& o) {
  LILITH_CHECK(o.anneal_strategy == "cos" || o.anneal_strategy == "linear",
               "SWALR: anneal_strategy is '{}'; need 'cos' or 'linear'.", o.anneal_strategy);
  LILITH_CHECK(o.anneal_epochs >= 0, "SWALR: anneal_epochs must not be negative; got {}.",
               o.anneal_epochs);
  const double epochs = std::max(1.0, as_double(o.anneal_epochs)), goal = o.swa_lr;
  const double first = o.anneal_epochs == 0 ? 1 : 0;  // without epochs it is there at once
  const bool cosine = o.anneal_strategy == "cos";
  const auto part = [=](double time) {
    const double t = std::clamp(time / epochs, 0.0, 1.0);
    return cosine ? (1 - std::cos(std::numbers::pi * t)) / 2 : t;
  };
  return {.name = "SWALR",
          .next =
              [=](const RateStep& s) {
                const double time = std::max(s.time, first), before = part(time - 1);
                const double start = before == 1 ? goal : (s.now - before * goal) / (1 - before);
                return goal * part(time) + start * (1 - part(time));
              },
          .closed =
              [=](double t, std::size_t, double base) {
                const double now = part(std::max(t, first));
                return goal * now + base * (1 - now);
              }};
}

Schedule optim::schedule_of(const OneCycleLROptions& o) {
  LILITH_CHECK(o.anneal_strategy == "cos" || o.anneal_strategy == "linear",
               "OneCycleLR: anneal_strategy is '{}'; need 'cos' or 'linear'.", o.anneal_strategy);
  const std::int64_t steps =
      o.total_steps != 0 ? std::int64_t{o.total_steps} : o.epochs * o.steps_per_epoch;
  LILITH_CHECK(
      steps > 0 && (o.max_lr > 0 || !o.max_lrs.empty()) && o.pct_start >= 0 && o.pct_start <= 1,
      "OneCycleLR: need total_steps > 0, max_lr > 0, pct_start in [0, 1]; got {}, {}, {}.", steps,
      o.max_lr, o.pct_start);
  const OneCycle cycle(o, steps);
  std::function<double(double, std::size_t)> momentum;
  if (o.cycle_momentum) momentum = [cycle](double t, std::size_t) { return cycle.momentum(t); };
  return absolute(
      "OneCycleLR", [cycle](double t, std::size_t g, double) { return cycle.rate(t, g); },
      std::move(momentum),
      [cycle](Optimizer& opt) {
        cycle.max_lr.check("OneCycleLR", "max_lrs", opt);
        auto& groups = opt.param_groups();
        for (std::size_t g = 0; g < groups.size(); ++g)
          groups[g].initial_lr = cycle.level(OneCycle::Low, g);
      });
}

Schedule optim::schedule_of(const CyclicLROptions& o) {
  LILITH_CHECK(
      o.scale_fn || o.mode == "triangular" || o.mode == "triangular2" || o.mode == "exp_range",
      "CyclicLR: mode is '{}'; need 'triangular', 'triangular2' or 'exp_range'.", o.mode);
  LILITH_CHECK(o.scale_mode == "cycle" || o.scale_mode == "iterations",
               "CyclicLR: scale_mode is '{}'; need 'cycle' or 'iterations'.", o.scale_mode);
  LILITH_CHECK(o.step_size_up > 0 && o.step_size_down >= 0,
               "CyclicLR: the step sizes must be positive; got {} up, {} down.", o.step_size_up,
               o.step_size_down);
  const Cycle cycle(o);
  std::function<double(double, std::size_t)> momentum;
  if (o.cycle_momentum)
    momentum = [cycle, low = o.base_momentum, high = o.max_momentum](double t, std::size_t) {
      return cycle.between(high, low, t);
    };
  return absolute(
      "CyclicLR",
      [cycle](double t, std::size_t g, double) {
        return cycle.between(cycle.low[g], cycle.high[g], t);
      },
      std::move(momentum),
      [cycle](Optimizer& opt) {
        cycle.low.check("CyclicLR", "base_lrs", opt);
        cycle.high.check("CyclicLR", "max_lrs", opt);
        auto& groups = opt.param_groups();
        for (std::size_t g = 0; g < groups.size(); ++g) groups[g].hyper["lr"] = cycle.low[g];
      });
}

LambdaLR::LambdaLR(Factor factor) : LambdaLR(std::vector<Factor>{std::move(factor)}) {}
LambdaLR::LambdaLR(std::vector<Factor> factors) : LRScheduler(lambda(std::move(factors))) {}
MultiplicativeLR::MultiplicativeLR(Factor factor)
    : MultiplicativeLR(std::vector<Factor>{std::move(factor)}) {}
MultiplicativeLR::MultiplicativeLR(std::vector<Factor> factors)
    : LRScheduler(multiplicative(std::move(factors))) {}

namespace {

std::vector<std::int64_t> checked_milestones(const std::vector<LRScheduler>& schedules,
                                             const std::vector<std::int64_t>& milestones,
                                             SourceLocation loc) {
  LocScope scope(loc, nullptr);
  LILITH_CHECK(!schedules.empty(), "SequentialLR: no schedule; need at least one.");
  LILITH_CHECK(schedules.size() == milestones.size() + 1,
               "SequentialLR: {} schedules need {} milestones; got {}.", schedules.size(),
               schedules.size() - 1, milestones.size());
  LILITH_CHECK(std::is_sorted(milestones.begin(), milestones.end()),
               "SequentialLR: the milestones must ascend.");
  return milestones;
}

const std::vector<LRScheduler>& checked_chain(const std::vector<LRScheduler>& schedules,
                                              SourceLocation loc) {
  LocScope scope(loc, nullptr);
  LILITH_CHECK(!schedules.empty(), "ChainedScheduler: no schedule; need at least one.");
  return schedules;
}

}  // namespace

SequentialLR::SequentialLR(const std::vector<LRScheduler>& schedules,
                           const std::vector<std::int64_t>& milestones, SourceLocation loc)
    : LRScheduler("SequentialLR", schedules, checked_milestones(schedules, milestones, loc),
                  false) {}

ChainedScheduler::ChainedScheduler(const std::vector<LRScheduler>& schedules, SourceLocation loc)
    : LRScheduler("ChainedScheduler", checked_chain(schedules, loc), {}, true) {}

}  // namespace lilith
