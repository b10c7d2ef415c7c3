#pragma once
#include <string_view>
#include <vector>

#include "lilith/optim/optimizer.h"

namespace lilith {

/// Multiplies the rates by `factor` when the metric has not improved for more than `patience`
/// steps.
struct ReduceLROnPlateauOptions {
  std::string_view mode = "min";  // or "max"
  Real factor = 0.1;
  Int patience = 10;
  Real threshold = 1e-4;
  std::string_view threshold_mode = "rel";  // or "abs"
  Int cooldown = 0;
  Real min_lr = 0;
  Real eps = 1e-8;
  /// One a group, instead of min_lr.
  std::vector<double> min_lrs = {};
};
/// It follows its optimiser as an LRScheduler does. One that is made without waits for attach. Ref:
/// torch.optim.lr_scheduler.ReduceLROnPlateau.
class ReduceLROnPlateau {
 public:
  ReduceLROnPlateau(const ReduceLROnPlateauOptions& options = {},
                    SourceLocation loc = SourceLocation::current());
  ReduceLROnPlateau(Optimizer& opt, const ReduceLROnPlateauOptions& options = {},
                    SourceLocation loc = SourceLocation::current())
      : ReduceLROnPlateau(options, loc) {
    attach(opt, loc);
  }
  /// PyTorch's order: ReduceLROnPlateau(opt, "min", 0.5).
  ReduceLROnPlateau(Optimizer& opt, std::string_view mode, Real factor = 0.1, Int patience = 10,
                    Real threshold = 1e-4, std::string_view threshold_mode = "rel",
                    Int cooldown = 0, Real min_lr = 0, Real eps = 1e-8,
                    SourceLocation loc = SourceLocation::current())
      : ReduceLROnPlateau(opt,
                          {.mode = mode,
                           .factor = factor,
                           .patience = patience,
                           .threshold = threshold,
                           .threshold_mode = threshold_mode,
                           .cooldown = cooldown,
                           .min_lr = min_lr,
                           .eps = eps},
                          loc) {}
  ReduceLROnPlateau(Optimizer& opt, std::string_view mode, const ReduceLROnPlateauOptions& options,
                    SourceLocation loc = SourceLocation::current())
      : ReduceLROnPlateau(
            opt, detail::with_first(options, &ReduceLROnPlateauOptions::mode, mode, "mode", loc),
            loc) {}
  /// From now on it sets the rates of `opt`. Error when min_lrs has another number of groups.
  void attach(Optimizer& opt, SourceLocation loc = SourceLocation::current());
  /// What it steps; null before attach and after the optimiser's end.
  const Optimizer* optimizer() const { return opt_.get(); }
  /// Mode "max".
  bool maximizes() const { return maximize_; }
  /// Counts an epoch with this metric; NaN is no improvement. Error before attach.
  void step(double metric);
  /// The same for a 0-d tensor.
  void step(const Tensor& metric, SourceLocation loc = SourceLocation::current());

  double best() const { return best_; }
  std::int64_t num_bad_epochs() const { return bad_; }
  bool in_cooldown() const { return cooling_ > 0; }
  std::int64_t last_epoch() const { return epoch_; }
  /// The rates as its last step left them, one a group.
  const std::vector<double>& get_last_lr() const { return last_lr_; }

  /// Where it stands. The rates belong to the optimiser's state, the options to the program.
  StateDict state_dict() const;
  /// Errors: keys that differ; nothing is changed then.
  void load_state_dict(const StateDict& dict, SourceLocation loc = SourceLocation::current());

 private:
  bool is_better(double metric) const;
  void reduce();
  void note_rates();

  optim::OptimizerPointer opt_;
  bool maximize_, relative_;
  double factor_, threshold_, min_lr_, eps_, best_;
  std::int64_t patience_, cooldown_, bad_ = 0, cooling_ = 0, epoch_ = 0;
  std::vector<double> min_lrs_, last_lr_;
};

/// Writes its state_dict as safetensors.
void save(const ReduceLROnPlateau& scheduler, const std::string& path,
          SourceLocation loc = SourceLocation::current());
/// Reads it back. Errors: a file of another kind of scheduler; those of load_state_dict.
void load(ReduceLROnPlateau& scheduler, const std::string& path,
          SourceLocation loc = SourceLocation::current());

}  // namespace lilith
