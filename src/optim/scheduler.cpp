#include "lilith/optim/scheduler.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lilith {

LRScheduler::LRScheduler(Optimizer& opt, Rate rate, Momentum momentum)
    : LRScheduler(std::move(rate), std::move(momentum)) {
  attach(opt);
}

void LRScheduler::attach(Optimizer& opt) {
  opt_ = &opt;
  bases_.clear();
  for (const ParamGroup& group : opt.param_groups()) bases_.push_back(group.hyper.at("lr").value());
  epoch_ = 0;
  apply();
}

void LRScheduler::step(SourceLocation loc) {
  const LocScope::Fallback line(loc);
  LILITH_CHECK(opt_ != nullptr, "LRScheduler::step: no optimiser; call attach(opt) before.");
  ++epoch_;
  apply();
}

void LRScheduler::set_last_epoch(std::int64_t epoch) {
  LILITH_CHECK(epoch >= 0, "LRScheduler: last_epoch must not be negative; got {}.", epoch);
  epoch_ = epoch;
  if (opt_ != nullptr) apply();
}

void LRScheduler::set_base_lrs(std::vector<double> bases) {
  LILITH_CHECK(opt_ == nullptr || bases.size() == opt_->param_groups().size(),
               "LRScheduler: {} base rates for {} parameter groups.", bases.size(),
               opt_->param_groups().size());
  bases_ = std::move(bases);
  if (opt_ != nullptr) apply();
}

std::vector<double> LRScheduler::get_last_lr() const {
  std::vector<double> out;
  if (opt_ == nullptr) return out;
  for (const ParamGroup& group : opt_->param_groups()) out.push_back(group.hyper.at("lr").value());
  return out;
}

void LRScheduler::apply() {
  auto& groups = opt_->param_groups();
  // A group that was added later starts from the rate it has.
  while (bases_.size() < groups.size())
    bases_.push_back(groups[bases_.size()].hyper.at("lr").value());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    groups[g].hyper["lr"] = rate_(epoch_, bases_[g]);
    if (!momentum_) continue;
    const bool plain = groups[g].hyper.count("momentum") != 0;
    LILITH_CHECK(plain || groups[g].hyper.count("beta1") != 0,
                 "LRScheduler: {} has no momentum to cycle; set .cycle_momentum = false.",
                 opt_->name());
    groups[g].hyper[plain ? "momentum" : "beta1"] = momentum_(epoch_);
  }
}

namespace {

double cosine(double from, double to, double fraction) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * fraction));
}
double linear(double from, double to, double fraction) { return from + (to - from) * fraction; }
double as_double(std::int64_t i) { return static_cast<double>(i); }

}  // namespace

StepLR::StepLR(const StepLROptions& o, const LocScope&)
    : LRScheduler([o](std::int64_t t, double base) {
        return base * std::pow(o.gamma, as_double(t / o.step_size));
      }) {
  LILITH_CHECK(o.step_size > 0, "StepLR: step_size must be positive; got {}.", o.step_size);
}

MultiStepLR::MultiStepLR(const MultiStepLROptions& o, const LocScope&)
    : LRScheduler([o](std::int64_t t, double base) {
        const auto passed =
            std::count_if(o.milestones.begin(), o.milestones.end(), [t](auto m) { return m <= t; });
        return base * std::pow(o.gamma, as_double(passed));
      }) {}

ExponentialLR::ExponentialLR(const ExponentialLROptions& o, const LocScope&)
    : LRScheduler(
          [o](std::int64_t t, double base) { return base * std::pow(o.gamma, as_double(t)); }) {
  LILITH_CHECK(o.gamma > 0, "ExponentialLR: gamma must be positive; got {}.", o.gamma);
}

CosineAnnealingLR::CosineAnnealingLR(const CosineAnnealingLROptions& o, const LocScope&)
    : LRScheduler([o](std::int64_t t, double base) {
        return cosine(base, o.eta_min, as_double(t) / as_double(o.T_max));
      }) {
  LILITH_CHECK(o.T_max > 0, "CosineAnnealingLR: T_max must be positive; got {}.", o.T_max);
}

CosineAnnealingWarmRestarts::CosineAnnealingWarmRestarts(
    const CosineAnnealingWarmRestartsOptions& o, const LocScope&)
    : LRScheduler([o](std::int64_t t, double base) {
        std::int64_t period = o.T_0;
        if (o.T_mult == 1) t %= period;
        for (; t >= period; period *= o.T_mult) t -= period;
        return cosine(base, o.eta_min, as_double(t) / as_double(period));
      }) {
  LILITH_CHECK(o.T_0 > 0 && o.T_mult >= 1,
               "CosineAnnealingWarmRestarts: need T_0 > 0 and T_mult >= 1; got {} and {}.", o.T_0,
               o.T_mult);
}

LinearLR::LinearLR(const LinearLROptions& o, const LocScope&)
    : LRScheduler([o](std::int64_t t, double base) {
        const double fraction = as_double(std::min(t, o.total_iters)) / as_double(o.total_iters);
        return base * linear(o.start_factor, o.end_factor, fraction);
      }) {
  LILITH_CHECK(o.total_iters > 0, "LinearLR: total_iters must be positive; got {}.", o.total_iters);
}

ConstantLR::ConstantLR(const ConstantLROptions& o, const LocScope&)
    : LRScheduler([o](std::int64_t t, double base) {
        return t < o.total_iters ? base * o.factor : base;
      }) {}

PolynomialLR::PolynomialLR(const PolynomialLROptions& o, const LocScope&)
    : LRScheduler([o](std::int64_t t, double base) {
        const double left = 1 - as_double(std::min(t, o.total_iters)) / as_double(o.total_iters);
        return base * std::pow(left, o.power);
      }) {
  LILITH_CHECK(o.total_iters > 0, "PolynomialLR: total_iters must be positive; got {}.",
               o.total_iters);
}

LambdaLR::LambdaLR(std::function<double(std::int64_t)> factor)
    : LRScheduler([f = std::move(factor)](std::int64_t t, double base) { return base * f(t); }) {}

namespace {

// The phases of one cycle: each goes from one value to the next and ends at a (fractional) step.
struct Phase {
  double end, lr_from, lr_to, momentum_from, momentum_to;
};
struct OneCycle {
  explicit OneCycle(const OneCycleLROptions& o)
      : anneal(o.anneal_strategy == "cos" ? cosine : linear), total(o.total_steps) {
    const double n = as_double(o.total_steps), low = o.max_lr / o.div_factor;
    const double least = low / o.final_div_factor, up = o.pct_start * n;
    const double m0 = o.max_momentum, m1 = o.base_momentum;
    if (o.three_phase)
      phases = {{up - 1, low, o.max_lr, m0, m1},
                {2 * up - 2, o.max_lr, low, m1, m0},
                {n - 1, low, least, m0, m0}};
    else
      phases = {{up - 1, low, o.max_lr, m0, m1}, {n - 1, o.max_lr, least, m1, m0}};
  }
  double at(std::int64_t t, double Phase::* from, double Phase::* to) const {
    LILITH_CHECK(t < total, "OneCycleLR: step {} of {} steps.", t + 1, total);
    double start = 0;
    for (const Phase& p : phases) {
      if (as_double(t) <= p.end || &p == &phases.back())
        return anneal(p.*from, p.*to, (as_double(t) - start) / (p.end - start));
      start = p.end;
    }
    return 0;
  }
  double (*anneal)(double, double, double);
  std::int64_t total;
  std::vector<Phase> phases;
};

LRScheduler one_cycle(const OneCycleLROptions& o) {
  LILITH_CHECK(o.anneal_strategy == "cos" || o.anneal_strategy == "linear",
               "OneCycleLR: anneal_strategy is '{}'; need 'cos' or 'linear'.", o.anneal_strategy);
  LILITH_CHECK(o.total_steps > 0 && o.max_lr > 0 && o.pct_start >= 0 && o.pct_start <= 1,
               "OneCycleLR: need total_steps > 0, max_lr > 0, pct_start in [0, 1]; got {}, {}, {}.",
               o.total_steps, o.max_lr, o.pct_start);
  const OneCycle cycle(o);
  LRScheduler::Momentum momentum;
  if (o.cycle_momentum)
    momentum = [cycle](std::int64_t t) {
      return cycle.at(t, &Phase::momentum_from, &Phase::momentum_to);
    };
  return LRScheduler(
      [cycle](std::int64_t t, double) { return cycle.at(t, &Phase::lr_from, &Phase::lr_to); },
      std::move(momentum));
}

LRScheduler cyclic(const CyclicLROptions& o) {
  LILITH_CHECK(o.mode == "triangular" || o.mode == "triangular2" || o.mode == "exp_range",
               "CyclicLR: mode is '{}'; need 'triangular', 'triangular2' or 'exp_range'.", o.mode);
  LILITH_CHECK(o.step_size_up > 0 && o.step_size_down >= 0,
               "CyclicLR: the step sizes must be positive; got {} up, {} down.", o.step_size_up,
               o.step_size_down);
  const double up = as_double(o.step_size_up);
  const double total = up + (o.step_size_down > 0 ? as_double(o.step_size_down) : up);
  const double ratio = up / total;
  const bool halves = o.mode == "triangular2", decays = o.mode == "exp_range";
  // The height at step t, from 0 to 1, times what the mode makes of it.
  const auto height = [=, gamma = o.gamma](std::int64_t t) {
    const double cycle = std::floor(1 + as_double(t) / total);
    const double x = 1 + as_double(t) / total - cycle;
    const double scale = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
    return scale * (halves   ? std::pow(2.0, 1 - cycle)
                    : decays ? std::pow(gamma, as_double(t))
                             : 1.0);
  };
  LRScheduler::Momentum momentum;
  if (o.cycle_momentum)
    momentum = [=, low = o.base_momentum, high = o.max_momentum](std::int64_t t) {
      return high - (high - low) * height(t);
    };
  return LRScheduler([=, low = o.base_lr, high = o.max_lr](
                         std::int64_t t, double) { return low + (high - low) * height(t); },
                     std::move(momentum));
}

}  // namespace

OneCycleLR::OneCycleLR(const OneCycleLROptions& o, const LocScope&) : LRScheduler(one_cycle(o)) {}
CyclicLR::CyclicLR(const CyclicLROptions& o, const LocScope&) : LRScheduler(cyclic(o)) {}

SequentialLR::SequentialLR(const std::vector<LRScheduler>& schedules,
                           const std::vector<std::int64_t>& milestones, SourceLocation loc)
    : LRScheduler([schedules, milestones](std::int64_t t, double base) {
        const auto i =
            std::upper_bound(milestones.begin(), milestones.end(), t) - milestones.begin();
        return schedules[static_cast<std::size_t>(i)].rate()(i == 0 ? t : t - milestones[i - 1],
                                                             base);
      }) {
  LocScope scope(loc);
  LILITH_CHECK(schedules.size() == milestones.size() + 1,
               "SequentialLR: {} schedules need {} milestones; got {}.", schedules.size(),
               schedules.empty() ? 0 : schedules.size() - 1, milestones.size());
  LILITH_CHECK(std::is_sorted(milestones.begin(), milestones.end()),
               "SequentialLR: the milestones must ascend.");
}

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& opt, const ReduceLROnPlateauOptions& o,
                                     SourceLocation loc)
    : opt_(&opt),
      maximize_(o.mode == "max"),
      relative_(o.threshold_mode == "rel"),
      factor_(o.factor),
      threshold_(o.threshold),
      min_lr_(o.min_lr),
      eps_(o.eps),
      best_(o.mode == "max" ? -std::numeric_limits<double>::infinity()
                            : std::numeric_limits<double>::infinity()),
      patience_(o.patience),
      cooldown_(o.cooldown) {
  LocScope scope(loc);
  LILITH_CHECK(o.mode == "min" || o.mode == "max",
               "ReduceLROnPlateau: mode is '{}'; need 'min' or 'max'.", o.mode);
  LILITH_CHECK(o.threshold_mode == "rel" || o.threshold_mode == "abs",
               "ReduceLROnPlateau: threshold_mode is '{}'; need 'rel' or 'abs'.", o.threshold_mode);
  LILITH_CHECK(o.factor < 1, "ReduceLROnPlateau: factor must be below 1; got {}.", o.factor);
}

bool ReduceLROnPlateau::is_better(double metric) const {
  if (std::isinf(best_)) return maximize_ ? metric > best_ : metric < best_;
  const double margin = relative_ ? std::abs(best_) * threshold_ : threshold_;
  return maximize_ ? metric > best_ + margin : metric < best_ - margin;
}

void ReduceLROnPlateau::step(double metric) {
  if (is_better(metric)) {
    best_ = metric;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ <= patience_) return;
  for (ParamGroup& group : opt_->param_groups()) {
    const double old = group.hyper.at("lr").value();
    const double now = std::max(old * factor_, min_lr_);
    if (old - now > eps_) group.hyper["lr"] = now;
  }
  cooling_ = cooldown_;
  bad_ = 0;
}

}  // namespace lilith
