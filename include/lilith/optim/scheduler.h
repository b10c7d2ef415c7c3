#pragma once
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/optim/optimizer.h"

namespace lilith {

namespace optim {

/// What a schedule knows when it sets the rate of one group.
struct RateStep {
  double time;        // last_epoch; with a fraction where a schedule may step by one
  bool initial;       // the step that attaching makes
  std::size_t group;  // number of the group
  double base;        // the group's rate at the start: its initial_lr
  double now;         // its rate before this step
};

/// The formulas of a schedule.
struct Schedule {
  std::string name;
  /// The rate after a step. Like PyTorch's it starts from the rate that is set now where that makes
  /// sense, so that schedules chain and a rate set by hand is kept.
  std::function<double(const RateStep&)> next;
  /// The rate at a time, from the base alone.
  std::function<double(double time, std::size_t group, double base)> closed;
  /// Sets "momentum" or "beta1" too.
  std::function<double(double time, std::size_t group)> momentum = {};
  /// What attaching sets before the first step.
  std::function<void(Optimizer&)> prepare = {};
  /// PyTorch has no closed form of it: SequentialLR enters it by `next`.
  bool only_next = false;
};

}  // namespace optim

/// Sets an optimiser's learning rates, a step at a time. A value: every scheduler may be kept as an
/// LRScheduler. The optimiser must outlive it. One that is made without an optimiser
/// (StepLR({.step_size = 30})) waits for attach. Like PyTorch's, schedules go on from the rate that
/// is set: several may step one optimiser, and `set_lr` between their steps counts. Ref:
/// torch.optim.lr_scheduler.LRScheduler.
class LRScheduler {
 public:
  /// The rate after `epoch` steps of a group that started with `base`.
  using Rate = std::function<double(std::int64_t epoch, double base)>;
  /// Sets "momentum" or "beta1" too.
  using Momentum = std::function<double(std::int64_t epoch)>;

  /// A schedule of one's own, by its closed form.
  explicit LRScheduler(Rate rate, Momentum momentum = {});
  LRScheduler(Optimizer& opt, Rate rate, Momentum momentum = {});

  /// Takes the groups' initial_lr (set to their rates by the first scheduler of an optimiser) as
  /// the base, and makes the step of epoch 0.
  void attach(Optimizer& opt, SourceLocation loc = SourceLocation::current());
  bool attached() const { return opt_ != nullptr; }
  /// What it steps; null before attach.
  const Optimizer* optimizer() const { return opt_; }
  /// Goes on to the next epoch and sets its rates. Error when no optimiser is attached.
  void step(SourceLocation loc = SourceLocation::current());
  /// Number of steps so far. Setting it sets the rates of that epoch by the closed form; a resumed
  /// scheduler takes its state_dict instead.
  std::int64_t last_epoch() const { return epoch_; }
  void set_last_epoch(std::int64_t epoch);
  /// What the groups started with.
  const std::vector<double>& base_lrs() const { return bases_; }
  void set_base_lrs(std::vector<double> bases);
  /// The rates that its last step set, one a group; none before attach.
  const std::vector<double>& get_last_lr() const { return last_lr_; }
  /// "StepLR".
  const std::string& name() const { return schedule_.name; }

  /// Where it stands: what load_state_dict needs to go on to the bit. The rates themselves and
  /// initial_lr belong to the optimiser's state, options and functions to the program.
  StateDict state_dict() const;
  /// Errors: not attached, keys or numbers of groups that differ; nothing is changed then.
  void load_state_dict(const StateDict& dict, SourceLocation loc = SourceLocation::current());

 protected:
  explicit LRScheduler(optim::Schedule schedule) : schedule_(std::move(schedule)) {}
  /// One that steps others: `milestones` empty and chained: all of them at each step.
  LRScheduler(std::string name, std::vector<LRScheduler> children,
              std::vector<std::int64_t> milestones, bool chained);
  void step_to(double time);

 private:
  enum class Kind { Leaf, Sequential, Chained };

  void begin();
  void initial_step();
  void undo();
  void restart();
  void advance(bool initial);
  void set_rates(const std::function<double(const optim::RateStep&)>& rate, bool initial);
  void note_rates();
  std::size_t child_at(std::int64_t epoch) const;
  std::map<std::string, std::vector<double>> numbers() const;
  void set_numbers(const std::map<std::string, std::vector<double>>& numbers,
                   const std::string& prefix);

  Optimizer* opt_ = nullptr;
  optim::Schedule schedule_;
  std::vector<double> bases_, last_lr_;
  std::int64_t epoch_ = -1;
  double fraction_ = 0;  // of the epoch
  Kind kind_ = Kind::Leaf;
  std::vector<LRScheduler> children_;
  std::vector<std::int64_t> milestones_;
};

// torch.optim.lr_scheduler's schedules, options and defaults: StepLR(opt, {.step_size = 30}), or in
// PyTorch's order StepLR(opt, 30). t: last_epoch. The formulas are those
// of rates that nothing else changes.

/// base gamma^floor(t / step_size).
struct StepLROptions {
  Int step_size = 0;
  Real gamma = 0.1;
};
class StepLR : public LRScheduler {
 public:
  StepLR(const StepLROptions& options, SourceLocation loc = SourceLocation::current())
      : StepLR(options, LocScope(loc)) {}
  StepLR(Optimizer& opt, const StepLROptions& options,
         SourceLocation loc = SourceLocation::current())
      : StepLR(options, LocScope(loc)) {
    attach(opt, loc);
  }
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

 private:
  StepLR(const StepLROptions& options, const LocScope&);
};

/// base gamma^(number of milestones <= t); one that is listed twice counts twice.
struct MultiStepLROptions {
  detail::Named named = {};
  std::vector<std::int64_t> milestones = {};
  Real gamma = 0.1;
};
class MultiStepLR : public LRScheduler {
 public:
  MultiStepLR(const MultiStepLROptions& options, SourceLocation loc = SourceLocation::current())
      : MultiStepLR(options, LocScope(loc)) {}
  MultiStepLR(Optimizer& opt, const MultiStepLROptions& options,
              SourceLocation loc = SourceLocation::current())
      : MultiStepLR(options, LocScope(loc)) {
    attach(opt, loc);
  }
  MultiStepLR(Optimizer& opt, const IntList& milestones, Real gamma = 0.1,
              SourceLocation loc = SourceLocation::current())
      : MultiStepLR(opt, MultiStepLROptions{.milestones = milestones.vec(), .gamma = gamma}, loc) {}
  MultiStepLR(Optimizer& opt, const IntList& milestones, const MultiStepLROptions& options,
              SourceLocation loc = SourceLocation::current())
      : MultiStepLR(opt,
                    detail::with_first(options, &MultiStepLROptions::milestones, milestones.vec(),
                                       "milestones", loc),
                    loc) {}

 private:
  MultiStepLR(const MultiStepLROptions& options, const LocScope&);
};

/// base gamma^t.
struct ExponentialLROptions {
  Real gamma = 0;
};
class ExponentialLR : public LRScheduler {
 public:
  ExponentialLR(const ExponentialLROptions& options, SourceLocation loc = SourceLocation::current())
      : ExponentialLR(options, LocScope(loc)) {}
  ExponentialLR(Optimizer& opt, const ExponentialLROptions& options,
                SourceLocation loc = SourceLocation::current())
      : ExponentialLR(options, LocScope(loc)) {
    attach(opt, loc);
  }
  template <detail::AnyNumber N>
  ExponentialLR(Optimizer& opt, N gamma, SourceLocation loc = SourceLocation::current())
      : ExponentialLR(opt, ExponentialLROptions{.gamma = gamma}, loc) {}
  template <detail::AnyNumber N>
  ExponentialLR(Optimizer& opt, N gamma, const ExponentialLROptions& options,
                SourceLocation loc = SourceLocation::current())
      : ExponentialLR(
            opt, detail::with_first(options, &ExponentialLROptions::gamma, gamma, "gamma", loc),
            loc) {}

 private:
  ExponentialLR(const ExponentialLROptions& options, const LocScope&);
};

/// eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2. Loshchilov and Hutter, arXiv:1608.03983.
struct CosineAnnealingLROptions {
  Int T_max = 0;
  Real eta_min = 0;
};
class CosineAnnealingLR : public LRScheduler {
 public:
  CosineAnnealingLR(const CosineAnnealingLROptions& options,
                    SourceLocation loc = SourceLocation::current())
      : CosineAnnealingLR(options, LocScope(loc)) {}
  CosineAnnealingLR(Optimizer& opt, const CosineAnnealingLROptions& options,
                    SourceLocation loc = SourceLocation::current())
      : CosineAnnealingLR(options, LocScope(loc)) {
    attach(opt, loc);
  }
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

 private:
  CosineAnnealingLR(const CosineAnnealingLROptions& options, const LocScope&);
};

/// The cosine from the start after T_0 steps, then T_0 T_mult, …
struct CosineAnnealingWarmRestartsOptions {
  Int T_0 = 0;
  Int T_mult = 1;
  Real eta_min = 0;
};
class CosineAnnealingWarmRestarts : public LRScheduler {
 public:
  using LRScheduler::step;
  /// Goes to a point in time that may lie between two epochs: step(epoch + i / iters) after each
  /// batch.
  void step(double epoch, SourceLocation loc = SourceLocation::current()) {
    const LocScope::Fallback line{Loc(loc)};
    step_to(epoch);
  }
  CosineAnnealingWarmRestarts(const CosineAnnealingWarmRestartsOptions& options,
                              SourceLocation loc = SourceLocation::current())
      : CosineAnnealingWarmRestarts(options, LocScope(loc)) {}
  CosineAnnealingWarmRestarts(Optimizer& opt, const CosineAnnealingWarmRestartsOptions& options,
                              SourceLocation loc = SourceLocation::current())
      : CosineAnnealingWarmRestarts(options, LocScope(loc)) {
    attach(opt, loc);
  }
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

 private:
  CosineAnnealingWarmRestarts(const CosineAnnealingWarmRestartsOptions& options, const LocScope&);
};

/// base times a factor that goes linearly from start_factor to end_factor in total_iters steps.
struct LinearLROptions {
  Real start_factor = 1.0 / 3;
  Real end_factor = 1;
  Int total_iters = 5;
};
class LinearLR : public LRScheduler {
 public:
  LinearLR(const LinearLROptions& options = {}, SourceLocation loc = SourceLocation::current())
      : LinearLR(options, LocScope(loc)) {}
  LinearLR(Optimizer& opt, const LinearLROptions& options = {},
           SourceLocation loc = SourceLocation::current())
      : LinearLR(options, LocScope(loc)) {
    attach(opt, loc);
  }
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

 private:
  LinearLR(const LinearLROptions& options, const LocScope&);
};

/// base factor for total_iters steps, then base.
struct ConstantLROptions {
  Real factor = 1.0 / 3;
  Int total_iters = 5;
};
class ConstantLR : public LRScheduler {
 public:
  ConstantLR(const ConstantLROptions& options = {}, SourceLocation loc = SourceLocation::current())
      : ConstantLR(options, LocScope(loc)) {}
  ConstantLR(Optimizer& opt, const ConstantLROptions& options = {},
             SourceLocation loc = SourceLocation::current())
      : ConstantLR(options, LocScope(loc)) {
    attach(opt, loc);
  }
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

 private:
  ConstantLR(const ConstantLROptions& options, const LocScope&);
};

/// base (1 - min(t, total_iters) / total_iters)^power.
struct PolynomialLROptions {
  Int total_iters = 5;
  Real power = 1;
};
class PolynomialLR : public LRScheduler {
 public:
  PolynomialLR(const PolynomialLROptions& options = {},
               SourceLocation loc = SourceLocation::current())
      : PolynomialLR(options, LocScope(loc)) {}
  PolynomialLR(Optimizer& opt, const PolynomialLROptions& options = {},
               SourceLocation loc = SourceLocation::current())
      : PolynomialLR(options, LocScope(loc)) {
    attach(opt, loc);
  }
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

 private:
  PolynomialLR(const PolynomialLROptions& options, const LocScope&);
};

/// base times f(t); with several functions, one a group.
class LambdaLR : public LRScheduler {
 public:
  using Factor = std::function<double(std::int64_t)>;
  LambdaLR(Factor factor);
  LambdaLR(std::vector<Factor> factors);
  LambdaLR(Optimizer& opt, Factor factor) : LambdaLR(std::move(factor)) { attach(opt); }
  LambdaLR(Optimizer& opt, std::vector<Factor> factors) : LambdaLR(std::move(factors)) {
    attach(opt);
  }
};

/// The rate of t - 1 times f(t); with several functions, one a group.
class MultiplicativeLR : public LRScheduler {
 public:
  using Factor = std::function<double(std::int64_t)>;
  MultiplicativeLR(Factor factor);
  MultiplicativeLR(std::vector<Factor> factors);
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
class OneCycleLR : public LRScheduler {
 public:
  OneCycleLR(const OneCycleLROptions& options, SourceLocation loc = SourceLocation::current())
      : OneCycleLR(options, LocScope(loc)) {}
  OneCycleLR(Optimizer& opt, const OneCycleLROptions& options,
             SourceLocation loc = SourceLocation::current())
      : OneCycleLR(options, LocScope(loc)) {
    attach(opt, loc);
  }
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

 private:
  OneCycleLR(const OneCycleLROptions& options, const LocScope&);
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
class CyclicLR : public LRScheduler {
 public:
  CyclicLR(const CyclicLROptions& options, SourceLocation loc = SourceLocation::current())
      : CyclicLR(options, LocScope(loc)) {}
  CyclicLR(Optimizer& opt, const CyclicLROptions& options,
           SourceLocation loc = SourceLocation::current())
      : CyclicLR(options, LocScope(loc)) {
    attach(opt, loc);
  }
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

 private:
  CyclicLR(const CyclicLROptions& options, const LocScope&);
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
  ChainedScheduler(const std::vector<LRScheduler>& schedules,
                   SourceLocation loc = SourceLocation::current());
  ChainedScheduler(Optimizer& opt, const std::vector<LRScheduler>& schedules,
                   SourceLocation loc = SourceLocation::current())
      : ChainedScheduler(schedules, loc) {
    attach(opt, loc);
  }
};

/// Writes a scheduler's state_dict as safetensors, with the scheduler's name.
void save(const LRScheduler& scheduler, const std::string& path,
          SourceLocation loc = SourceLocation::current());
/// Reads it back. Errors: a file of another kind of scheduler; those of load_state_dict.
void load(LRScheduler& scheduler, const std::string& path,
          SourceLocation loc = SourceLocation::current());

}  // namespace lilith
