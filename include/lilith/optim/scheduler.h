#pragma once
#include <functional>
#include <string_view>
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/optim/lr_scheduler.h"

// torch.optim.lr_scheduler's schedules, options and defaults: StepLR(opt, {.step_size = 30}), or in
// PyTorch's order StepLR(opt, 30). t: last_epoch. The formulas are those of rates that nothing else
// changes.
namespace lilith {

struct StepLROptions;
struct MultiStepLROptions;
struct ExponentialLROptions;
struct CosineAnnealingLROptions;
struct CosineAnnealingWarmRestartsOptions;
struct LinearLROptions;
struct ConstantLROptions;
struct PolynomialLROptions;
struct OneCycleLROptions;
struct CyclicLROptions;
struct SWALROptions;

namespace optim {
// The schedules that options describe. Errors: options out of range.
Schedule schedule_of(const StepLROptions& o);
Schedule schedule_of(const MultiStepLROptions& o);
Schedule schedule_of(const ExponentialLROptions& o);
Schedule schedule_of(const CosineAnnealingLROptions& o);
Schedule schedule_of(const CosineAnnealingWarmRestartsOptions& o);
Schedule schedule_of(const LinearLROptions& o);
Schedule schedule_of(const ConstantLROptions& o);
Schedule schedule_of(const PolynomialLROptions& o);
Schedule schedule_of(const OneCycleLROptions& o);
Schedule schedule_of(const CyclicLROptions& o);
Schedule schedule_of(const SWALROptions& o);

/// A schedule by its options, of an optimiser or waiting for attach.
template <class Options>
class ScheduleOf : public LRScheduler {
 public:
  explicit ScheduleOf(const Options& options, SourceLocation loc = SourceLocation::current())
      : ScheduleOf(options, LocScope(loc, nullptr)) {}
  ScheduleOf(Optimizer& opt, const Options& options, SourceLocation loc = SourceLocation::current())
      : ScheduleOf(options, loc) {
    attach(opt, loc);
  }

 private:
  ScheduleOf(const Options& options, const LocScope&) : LRScheduler(schedule_of(options)) {}
};

/// One whose options have defaults: LinearLR() waits for attach, LinearLR(opt) has its optimiser.
template <class Options>
class DefaultedSchedule : public ScheduleOf<Options> {
 public:
  explicit DefaultedSchedule(const Options& options = {},
                             SourceLocation loc = SourceLocation::current())
      : ScheduleOf<Options>(options, loc) {}
  explicit DefaultedSchedule(Optimizer& opt, const Options& options = {},
                             SourceLocation loc = SourceLocation::current())
      : ScheduleOf<Options>(opt, options, loc) {}
};
}  // namespace optim

/// base gamma^floor(t / step_size).
struct StepLROptions {
  Int step_size = 0;
  Real gamma = 0.1;
};
class StepLR : public optim::ScheduleOf<StepLROptions> {
 public:
  using ScheduleOf::ScheduleOf;
  template <detail::AnyNumber N>
  StepLR(Optimizer& opt, N step_size, Real gamma = 0.1,
         SourceLocation loc = SourceLocation::current())
      : StepLR(opt, StepLROptions{.step_size = step_size, .gamma = gamma}, loc) {}
  template <detail::AnyNumber N>
  StepLR(Optimizer& opt, N step_size, const StepLROptions& options,
         SourceLocation loc = SourceLocation::current())
      : StepLR(opt,
               detail::with_first(options, &StepLROptions::step_size, step_size, "step_size", loc),
               loc) {}
};

/// base gamma^(number of milestones <= t); one that is listed twice counts twice.
struct MultiStepLROptions {
  detail::Named named = {};
  std::vector<std::int64_t> milestones = {};
  Real gamma = 0.1;
};
class MultiStepLR : public optim::ScheduleOf<MultiStepLROptions> {
 public:
  using ScheduleOf::ScheduleOf;
  MultiStepLR(Optimizer& opt, const IntList& milestones, Real gamma = 0.1,
              SourceLocation loc = SourceLocation::current())
      : MultiStepLR(opt, MultiStepLROptions{.milestones = milestones.vec(), .gamma = gamma}, loc) {}
  MultiStepLR(Optimizer& opt, const IntList& milestones, const MultiStepLROptions& options,
              SourceLocation loc = SourceLocation::current())
      : MultiStepLR(opt,
                    detail::with_first(options, &MultiStepLROptions::milestones, milestones.vec(),
                                       "milestones", loc),
                    loc) {}
};

/// base gamma^t.
struct ExponentialLROptions {
  Real gamma = 0;
};
class ExponentialLR : public optim::ScheduleOf<ExponentialLROptions> {
 public:
  using ScheduleOf::ScheduleOf;
  template <detail::AnyNumber N>
  ExponentialLR(Optimizer& opt, N gamma, SourceLocation loc = SourceLocation::current())
      : ExponentialLR(opt, ExponentialLROptions{.gamma = gamma}, loc) {}
  template <detail::AnyNumber N>
  ExponentialLR(Optimizer& opt, N gamma, const ExponentialLROptions& options,
                SourceLocation loc = SourceLocation::current())
      : ExponentialLR(
            opt, detail::with_first(options, &ExponentialLROptions::gamma, gamma, "gamma", loc),
            loc) {}
};

/// eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2. Loshchilov and Hutter, arXiv:1608.03983.
struct CosineAnnealingLROptions {
  Int T_max = 0;
  Real eta_min = 0;
};
class CosineAnnealingLR : public optim::ScheduleOf<CosineAnnealingLROptions> {
 public:
  using ScheduleOf::ScheduleOf;
  template <detail::AnyNumber N>
  CosineAnnealingLR(Optimizer& opt, N T_max, Real eta_min = 0,
                    SourceLocation loc = SourceLocation::current())
      : CosineAnnealingLR(opt, CosineAnnealingLROptions{.T_max = T_max, .eta_min = eta_min}, loc) {}
  template <detail::AnyNumber N>
  CosineAnnealingLR(Optimizer& opt, N T_max, const CosineAnnealingLROptions& options,
                    SourceLocation loc = SourceLocation::current())
      : CosineAnnealingLR(
            opt, detail::with_first(options, &CosineAnnealingLROptions::T_max, T_max, "T_max", loc),
            loc) {}
};

/// The cosine from the start after T_0 steps, then T_0 T_mult, …
struct CosineAnnealingWarmRestartsOptions {
  Int T_0 = 0;
  Int T_mult = 1;
  Real eta_min = 0;
};
class CosineAnnealingWarmRestarts : public optim::ScheduleOf<CosineAnnealingWarmRestartsOptions> {
 public:
  using LRScheduler::step;
  /// Goes to a point in time that may lie between two epochs: step(epoch + i / iters) after each
  /// batch.
  void step(double epoch, SourceLocation loc = SourceLocation::current()) {
    const LocScope::Fallback line{Loc(loc)};
    step_to(epoch);
  }
  using ScheduleOf::ScheduleOf;
  template <detail::AnyNumber N>
  CosineAnnealingWarmRestarts(Optimizer& opt, N T_0, Int T_mult = 1, Real eta_min = 0,
                              SourceLocation loc = SourceLocation::current())
      : CosineAnnealingWarmRestarts(
            opt,
            CosineAnnealingWarmRestartsOptions{.T_0 = T_0, .T_mult = T_mult, .eta_min = eta_min},
            loc) {}
  template <detail::AnyNumber N>
  CosineAnnealingWarmRestarts(Optimizer& opt, N T_0,
                              const CosineAnnealingWarmRestartsOptions& options,
                              SourceLocation loc = SourceLocation::current())
      : CosineAnnealingWarmRestarts(
            opt,
            detail::with_first(options, &CosineAnnealingWarmRestartsOptions::T_0, T_0, "T_0", loc),
            loc) {}
};

/// base times a factor that goes linearly from start_factor to end_factor in total_iters steps.
struct LinearLROptions {
  Real start_factor = 1.0 / 3;
  Real end_factor = 1;
  Int total_iters = 5;
};
class LinearLR : public optim::DefaultedSchedule<LinearLROptions> {
 public:
  using DefaultedSchedule::DefaultedSchedule;
  template <detail::AnyNumber N>
  LinearLR(Optimizer& opt, N start_factor, Real end_factor = 1, Int total_iters = 5,
           SourceLocation loc = SourceLocation::current())
      : LinearLR(
            opt,
            LinearLROptions{
                .start_factor = start_factor, .end_factor = end_factor, .total_iters = total_iters},
            loc) {}
  template <detail::AnyNumber N>
  LinearLR(Optimizer& opt, N start_factor, const LinearLROptions& options,
           SourceLocation loc = SourceLocation::current())
      : LinearLR(opt,
                 detail::with_first(options, &LinearLROptions::start_factor, start_factor,
                                    "start_factor", loc),
                 loc) {}
};

/// base factor for total_iters steps, then base.
struct ConstantLROptions {
  Real factor = 1.0 / 3;
  Int total_iters = 5;
};
class ConstantLR : public optim::DefaultedSchedule<ConstantLROptions> {
 public:
  using DefaultedSchedule::DefaultedSchedule;
  template <detail::AnyNumber N>
  ConstantLR(Optimizer& opt, N factor, Int total_iters = 5,
             SourceLocation loc = SourceLocation::current())
      : ConstantLR(opt, ConstantLROptions{.factor = factor, .total_iters = total_iters}, loc) {}
  template <detail::AnyNumber N>
  ConstantLR(Optimizer& opt, N factor, const ConstantLROptions& options,
             SourceLocation loc = SourceLocation::current())
      : ConstantLR(opt,
                   detail::with_first(options, &ConstantLROptions::factor, factor, "factor", loc),
                   loc) {}
};

/// base (1 - min(t, total_iters) / total_iters)^power.
struct PolynomialLROptions {
  Int total_iters = 5;
  Real power = 1;
};
class PolynomialLR : public optim::DefaultedSchedule<PolynomialLROptions> {
 public:
  using DefaultedSchedule::DefaultedSchedule;
  template <detail::AnyNumber N>
  PolynomialLR(Optimizer& opt, N total_iters, Real power = 1,
               SourceLocation loc = SourceLocation::current())
      : PolynomialLR(opt, PolynomialLROptions{.total_iters = total_iters, .power = power}, loc) {}
  template <detail::AnyNumber N>
  PolynomialLR(Optimizer& opt, N total_iters, const PolynomialLROptions& options,
               SourceLocation loc = SourceLocation::current())
      : PolynomialLR(opt,
                     detail::with_first(options, &PolynomialLROptions::total_iters, total_iters,
                                        "total_iters", loc),
                     loc) {}
};

/// base times f(t); with several functions, one a group.
class LambdaLR : public LRScheduler {
 public:
  using Factor = std::function<double(std::int64_t)>;
  explicit LambdaLR(Factor factor);
  explicit LambdaLR(std::vector<Factor> factors);
  LambdaLR(Optimizer& opt, Factor factor) : LambdaLR(std::move(factor)) { attach(opt); }
  LambdaLR(Optimizer& opt, std::vector<Factor> factors) : LambdaLR(std::move(factors)) {
    attach(opt);
  }
};

/// The rate of t - 1 times f(t); with several functions, one a group.
class MultiplicativeLR : public LRScheduler {
 public:
  using Factor = std::function<double(std::int64_t)>;
  explicit MultiplicativeLR(Factor factor);
  explicit MultiplicativeLR(std::vector<Factor> factors);
  MultiplicativeLR(Optimizer& opt, Factor factor) : MultiplicativeLR(std::move(factor)) {
    attach(opt);
  }
  MultiplicativeLR(Optimizer& opt, std::vector<Factor> factors)
      : MultiplicativeLR(std::move(factors)) {
    attach(opt);
  }
};

/// Up to max_lr and down again, the momentum the other way round. Smith and Topin,
/// arXiv:1708.07120. step() may be called total_steps times; once more is an Error. It gives the
/// groups their initial_lr: max_lr / div_factor.
struct OneCycleLROptions {
  Real max_lr = 0;
  Int total_steps = 0;
  /// Where total_steps is 0, it is their product.
  Int epochs = 0;
  Int steps_per_epoch = 0;
  Real pct_start = 0.3;
  std::string_view anneal_strategy = "cos";  // or "linear"
  bool cycle_momentum = true;
  Real base_momentum = 0.85;
  Real max_momentum = 0.95;
  Real div_factor = 25;
  Real final_div_factor = 1e4;
  bool three_phase = false;
  /// One a group, instead of max_lr.
  std::vector<double> max_lrs = {};
};
class OneCycleLR : public optim::ScheduleOf<OneCycleLROptions> {
 public:
  using ScheduleOf::ScheduleOf;
  template <detail::AnyNumber N>
  OneCycleLR(Optimizer& opt, N max_lr, Int total_steps = 0, Int epochs = 0, Int steps_per_epoch = 0,
             Real pct_start = 0.3, std::string_view anneal_strategy = "cos",
             SourceLocation loc = SourceLocation::current())
      : OneCycleLR(opt,
                   OneCycleLROptions{.max_lr = max_lr,
                                     .total_steps = total_steps,
                                     .epochs = epochs,
                                     .steps_per_epoch = steps_per_epoch,
                                     .pct_start = pct_start,
                                     .anneal_strategy = anneal_strategy},
                   loc) {}
  template <detail::AnyNumber N>
  OneCycleLR(Optimizer& opt, N max_lr, const OneCycleLROptions& options,
             SourceLocation loc = SourceLocation::current())
      : OneCycleLR(opt,
                   detail::with_first(options, &OneCycleLROptions::max_lr, max_lr, "max_lr", loc),
                   loc) {}
};

/// Between base_lr and max_lr in triangles; mode "triangular", "triangular2" (halves each cycle) or
/// "exp_range" (gamma^t). step_size_down 0: as step_size_up. Smith, arXiv:1506.01186.
struct CyclicLROptions {
  Real base_lr = 0;
  Real max_lr = 0;
  Int step_size_up = 2000;
  Int step_size_down = 0;
  std::string_view mode = "triangular";
  Real gamma = 1;
  /// Scales the triangle instead of the mode: a function of the cycle's number (from 1), or with
  /// scale_mode "iterations" of t.
  std::function<double(double)> scale_fn = {};
  std::string_view scale_mode = "cycle";
  bool cycle_momentum = true;
  Real base_momentum = 0.8;
  Real max_momentum = 0.9;
  /// One a group, instead of base_lr and max_lr.
  std::vector<double> base_lrs = {};
  std::vector<double> max_lrs = {};
};
class CyclicLR : public optim::ScheduleOf<CyclicLROptions> {
 public:
  using ScheduleOf::ScheduleOf;
  template <detail::AnyNumber N>
  CyclicLR(Optimizer& opt, N base_lr, Real max_lr, Int step_size_up = 2000, Int step_size_down = 0,
           std::string_view mode = "triangular", Real gamma = 1,
           SourceLocation loc = SourceLocation::current())
      : CyclicLR(opt,
                 CyclicLROptions{.base_lr = base_lr,
                                 .max_lr = max_lr,
                                 .step_size_up = step_size_up,
                                 .step_size_down = step_size_down,
                                 .mode = mode,
                                 .gamma = gamma},
                 loc) {}
  template <detail::AnyNumber N>
  CyclicLR(Optimizer& opt, N base_lr, Real max_lr, const CyclicLROptions& options,
           SourceLocation loc = SourceLocation::current())
      : CyclicLR(opt, base_lr,
                 detail::with_first(options, &CyclicLROptions::max_lr, max_lr, "max_lr", loc),
                 loc) {}
  template <detail::AnyNumber N>
  CyclicLR(Optimizer& opt, N base_lr, const CyclicLROptions& options,
           SourceLocation loc = SourceLocation::current())
      : CyclicLR(opt,
                 detail::with_first(options, &CyclicLROptions::base_lr, base_lr, "base_lr", loc),
                 loc) {}
};

/// From the rate that is set to swa_lr in anneal_epochs steps, by "cos" or "linear", and then
/// swa_lr. Ref: torch.optim.swa_utils.SWALR.
struct SWALROptions {
  Real swa_lr = 0;
  Int anneal_epochs = 10;
  std::string_view anneal_strategy = "cos";
};
class SWALR : public optim::ScheduleOf<SWALROptions> {
 public:
  using ScheduleOf::ScheduleOf;
  template <detail::AnyNumber N>
  SWALR(Optimizer& opt, N swa_lr, Int anneal_epochs = 10, std::string_view anneal_strategy = "cos",
        SourceLocation loc = SourceLocation::current())
      : SWALR(opt,
              SWALROptions{.swa_lr = swa_lr,
                           .anneal_epochs = anneal_epochs,
                           .anneal_strategy = anneal_strategy},
              loc) {}
  template <detail::AnyNumber N>
  SWALR(Optimizer& opt, N swa_lr, const SWALROptions& options,
        SourceLocation loc = SourceLocation::current())
      : SWALR(opt, detail::with_first(options, &SWALROptions::swa_lr, swa_lr, "swa_lr", loc), loc) {
  }
};

/// One schedule after the other: schedules[i] runs from milestones[i - 1], its t counted from
/// there. Schedules may be made with the optimiser or without. Errors: numbers that do not fit, a
/// schedule of another optimiser.
class SequentialLR : public LRScheduler {
 public:
  SequentialLR(const std::vector<LRScheduler>& schedules,
               const std::vector<std::int64_t>& milestones,
               SourceLocation loc = SourceLocation::current());
  SequentialLR(Optimizer& opt, const std::vector<LRScheduler>& schedules,
               const std::vector<std::int64_t>& milestones,
               SourceLocation loc = SourceLocation::current())
      : SequentialLR(schedules, milestones, loc) {
    attach(opt, loc);
  }
};

/// Steps several schedules at once, each going on from the rate that the one before left. The first
/// form is of schedules that have their optimiser, or waits for attach.
class ChainedScheduler : public LRScheduler {
 public:
  explicit ChainedScheduler(const std::vector<LRScheduler>& schedules,
                            SourceLocation loc = SourceLocation::current());
  ChainedScheduler(Optimizer& opt, const std::vector<LRScheduler>& schedules,
                   SourceLocation loc = SourceLocation::current())
      : ChainedScheduler(schedules, loc) {
    attach(opt, loc);
  }
};

}  // namespace lilith
