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
/// LRScheduler. It follows its optimiser where that is moved; a copy of the optimiser is another
/// one, and a step after the optimiser's end is an Error. One that is made without an optimiser
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
  bool attached() const { return opt_.get() != nullptr; }
  /// What it steps; null before attach and after the optimiser's end.
  const Optimizer* optimizer() const { return opt_.get(); }
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

  Optimizer& its_optimizer() const { return opt_.need(schedule_.name); }

  optim::OptimizerPointer opt_;
  optim::Schedule schedule_;
  std::vector<double> bases_, last_lr_;
  std::int64_t epoch_ = -1;
  double fraction_ = 0;  // of the epoch
  Kind kind_ = Kind::Leaf;
  std::vector<LRScheduler> children_;
  std::vector<std::int64_t> milestones_;
};

/// Writes a scheduler's state_dict as safetensors, with the scheduler's name.
void save(const LRScheduler& scheduler, const std::string& path,
          SourceLocation loc = SourceLocation::current());
/// Reads it back. Errors: a file of another kind of scheduler; those of load_state_dict.
void load(LRScheduler& scheduler, const std::string& path,
          SourceLocation loc = SourceLocation::current());

}  // namespace lilith
