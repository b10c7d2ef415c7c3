#pragma once
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "lilith/optim/optimizer.h"

namespace lilith {

/// Sets an optimiser's learning rates as a function of the number of step() calls. A value: every
/// scheduler may be kept as an LRScheduler. The optimiser must outlive it. One that is made without
/// an optimiser (StepLR({.step_size = 30})) waits for attach.
class LRScheduler {
 public:
  /// The rate after `epoch` steps of a group that started with `base`.
  using Rate = std::function<double(std::int64_t epoch, double base)>;
  /// Sets "momentum" or "beta1" too.
  using Momentum = std::function<double(std::int64_t epoch)>;

  explicit LRScheduler(Rate rate, Momentum momentum = {})
      : rate_(std::move(rate)), momentum_(std::move(momentum)) {}
  LRScheduler(Optimizer& opt, Rate rate, Momentum momentum = {});

  /// Takes the optimiser's rates as the base and sets those of epoch 0.
  void attach(Optimizer& opt);
  /// Goes on to the next epoch and sets its rates. Error when no optimiser is attached.
  void step(SourceLocation loc = SourceLocation::current());
  /// Number of steps so far. Setting it (resuming) sets the rates of that epoch.
  std::int64_t last_epoch() const { return epoch_; }
  void set_last_epoch(std::int64_t epoch);
  /// What the groups started with; a resumed scheduler takes them from its checkpoint.
  const std::vector<double>& base_lrs() const { return bases_; }
  void set_base_lrs(std::vector<double> bases);
  /// The rates that are set now, one a group.
  std::vector<double> get_last_lr() const;
  const Rate& rate() const { return rate_; }

 private:
  void apply();

  Optimizer* opt_ = nullptr;
  Rate rate_;
  Momentum momentum_;
  std::vector<double> bases_;
  std::int64_t epoch_ = 0;
};

// torch.optim.lr_scheduler's schedules, options and defaults, in closed form. t: last_epoch.

/// base gamma^floor(t / step_size).
struct StepLROptions {
  std::int64_t step_size = 0;
  double gamma = 0.1;
};
class StepLR : public LRScheduler {
 public:
  StepLR(const StepLROptions& options, SourceLocation loc = SourceLocation::current())
      : StepLR(options, LocScope(loc)) {}
  StepLR(Optimizer& opt, const StepLROptions& options,
         SourceLocation loc = SourceLocation::current())
      : StepLR(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  StepLR(const StepLROptions& options, const LocScope&);
};

/// base gamma^(number of milestones <= t).
struct MultiStepLROptions {
  std::vector<std::int64_t> milestones;
  double gamma = 0.1;
};
class MultiStepLR : public LRScheduler {
 public:
  MultiStepLR(const MultiStepLROptions& options, SourceLocation loc = SourceLocation::current())
      : MultiStepLR(options, LocScope(loc)) {}
  MultiStepLR(Optimizer& opt, const MultiStepLROptions& options,
              SourceLocation loc = SourceLocation::current())
      : MultiStepLR(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  MultiStepLR(const MultiStepLROptions& options, const LocScope&);
};

/// base gamma^t.
struct ExponentialLROptions {
  double gamma = 0;
};
class ExponentialLR : public LRScheduler {
 public:
  ExponentialLR(const ExponentialLROptions& options, SourceLocation loc = SourceLocation::current())
      : ExponentialLR(options, LocScope(loc)) {}
  ExponentialLR(Optimizer& opt, const ExponentialLROptions& options,
                SourceLocation loc = SourceLocation::current())
      : ExponentialLR(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  ExponentialLR(const ExponentialLROptions& options, const LocScope&);
};

/// eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2. Loshchilov and Hutter, arXiv:1608.03983.
struct CosineAnnealingLROptions {
  std::int64_t T_max = 0;
  double eta_min = 0;
};
class CosineAnnealingLR : public LRScheduler {
 public:
  CosineAnnealingLR(const CosineAnnealingLROptions& options,
                    SourceLocation loc = SourceLocation::current())
      : CosineAnnealingLR(options, LocScope(loc)) {}
  CosineAnnealingLR(Optimizer& opt, const CosineAnnealingLROptions& options,
                    SourceLocation loc = SourceLocation::current())
      : CosineAnnealingLR(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  CosineAnnealingLR(const CosineAnnealingLROptions& options, const LocScope&);
};

/// The cosine from the start after T_0 steps, then T_0 T_mult, …
struct CosineAnnealingWarmRestartsOptions {
  std::int64_t T_0 = 0;
  std::int64_t T_mult = 1;
  double eta_min = 0;
};
class CosineAnnealingWarmRestarts : public LRScheduler {
 public:
  CosineAnnealingWarmRestarts(const CosineAnnealingWarmRestartsOptions& options,
                              SourceLocation loc = SourceLocation::current())
      : CosineAnnealingWarmRestarts(options, LocScope(loc)) {}
  CosineAnnealingWarmRestarts(Optimizer& opt, const CosineAnnealingWarmRestartsOptions& options,
                              SourceLocation loc = SourceLocation::current())
      : CosineAnnealingWarmRestarts(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  CosineAnnealingWarmRestarts(const CosineAnnealingWarmRestartsOptions& options, const LocScope&);
};

/// base times a factor that goes linearly from start_factor to end_factor in total_iters steps.
struct LinearLROptions {
  double start_factor = 1.0 / 3;
  double end_factor = 1;
  std::int64_t total_iters = 5;
};
class LinearLR : public LRScheduler {
 public:
  LinearLR(const LinearLROptions& options = {}, SourceLocation loc = SourceLocation::current())
      : LinearLR(options, LocScope(loc)) {}
  LinearLR(Optimizer& opt, const LinearLROptions& options = {},
           SourceLocation loc = SourceLocation::current())
      : LinearLR(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  LinearLR(const LinearLROptions& options, const LocScope&);
};

/// base factor for total_iters steps, then base.
struct ConstantLROptions {
  double factor = 1.0 / 3;
  std::int64_t total_iters = 5;
};
class ConstantLR : public LRScheduler {
 public:
  ConstantLR(const ConstantLROptions& options = {}, SourceLocation loc = SourceLocation::current())
      : ConstantLR(options, LocScope(loc)) {}
  ConstantLR(Optimizer& opt, const ConstantLROptions& options = {},
             SourceLocation loc = SourceLocation::current())
      : ConstantLR(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  ConstantLR(const ConstantLROptions& options, const LocScope&);
};

/// base (1 - min(t, total_iters) / total_iters)^power.
struct PolynomialLROptions {
  std::int64_t total_iters = 5;
  double power = 1;
};
class PolynomialLR : public LRScheduler {
 public:
  PolynomialLR(const PolynomialLROptions& options = {},
               SourceLocation loc = SourceLocation::current())
      : PolynomialLR(options, LocScope(loc)) {}
  PolynomialLR(Optimizer& opt, const PolynomialLROptions& options = {},
               SourceLocation loc = SourceLocation::current())
      : PolynomialLR(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  PolynomialLR(const PolynomialLROptions& options, const LocScope&);
};

/// base times f(t).
class LambdaLR : public LRScheduler {
 public:
  LambdaLR(std::function<double(std::int64_t)> factor);
  LambdaLR(Optimizer& opt, std::function<double(std::int64_t)> factor)
      : LambdaLR(std::move(factor)) {
    attach(opt);
  }
};

/// Up to max_lr and down again, the momentum the other way round. Smith and Topin,
/// arXiv:1708.07120. Error for more than total_steps steps.
struct OneCycleLROptions {
  double max_lr = 0;
  std::int64_t total_steps = 0;
  double pct_start = 0.3;
  std::string_view anneal_strategy = "cos";  // or "linear"
  bool cycle_momentum = true;
  double base_momentum = 0.85;
  double max_momentum = 0.95;
  double div_factor = 25;
  double final_div_factor = 1e4;
  bool three_phase = false;
};
class OneCycleLR : public LRScheduler {
 public:
  OneCycleLR(const OneCycleLROptions& options, SourceLocation loc = SourceLocation::current())
      : OneCycleLR(options, LocScope(loc)) {}
  OneCycleLR(Optimizer& opt, const OneCycleLROptions& options,
             SourceLocation loc = SourceLocation::current())
      : OneCycleLR(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  OneCycleLR(const OneCycleLROptions& options, const LocScope&);
};

/// Between base_lr and max_lr in triangles; mode "triangular", "triangular2" (halves each cycle) or
/// "exp_range" (gamma^t). step_size_down 0: as step_size_up. Smith, arXiv:1506.01186.
struct CyclicLROptions {
  double base_lr = 0;
  double max_lr = 0;
  std::int64_t step_size_up = 2000;
  std::int64_t step_size_down = 0;
  std::string_view mode = "triangular";
  double gamma = 1;
  bool cycle_momentum = true;
  double base_momentum = 0.8;
  double max_momentum = 0.9;
};
class CyclicLR : public LRScheduler {
 public:
  CyclicLR(const CyclicLROptions& options, SourceLocation loc = SourceLocation::current())
      : CyclicLR(options, LocScope(loc)) {}
  CyclicLR(Optimizer& opt, const CyclicLROptions& options,
           SourceLocation loc = SourceLocation::current())
      : CyclicLR(options, LocScope(loc)) {
    attach(opt);
  }

 private:
  CyclicLR(const CyclicLROptions& options, const LocScope&);
};

/// One schedule after the other: schedules[i] runs from milestones[i - 1], its t counted from
/// there.
class SequentialLR : public LRScheduler {
 public:
  SequentialLR(const std::vector<LRScheduler>& schedules,
               const std::vector<std::int64_t>& milestones,
               SourceLocation loc = SourceLocation::current());
  SequentialLR(Optimizer& opt, const std::vector<LRScheduler>& schedules,
               const std::vector<std::int64_t>& milestones,
               SourceLocation loc = SourceLocation::current())
      : SequentialLR(schedules, milestones, loc) {
    attach(opt);
  }
};

/// Multiplies the rates by `factor` when the metric has not improved for more than `patience`
/// steps.
struct ReduceLROnPlateauOptions {
  std::string_view mode = "min";  // or "max"
  double factor = 0.1;
  std::int64_t patience = 10;
  double threshold = 1e-4;
  std::string_view threshold_mode = "rel";  // or "abs"
  std::int64_t cooldown = 0;
  double min_lr = 0;
  double eps = 1e-8;
};
class ReduceLROnPlateau {
 public:
  ReduceLROnPlateau(Optimizer& opt, const ReduceLROnPlateauOptions& options = {},
                    SourceLocation loc = SourceLocation::current());
  void step(double metric);
  double best() const { return best_; }

 private:
  bool is_better(double metric) const;

  Optimizer* opt_;
  bool maximize_, relative_;
  double factor_, threshold_, min_lr_, eps_, best_;
  std::int64_t patience_, cooldown_, bad_ = 0, cooling_ = 0;
};

}  // namespace lilith
