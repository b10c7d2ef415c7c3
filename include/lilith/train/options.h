#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lilith/optim.h"

namespace lilith {

/// The optimiser that fit trains with. An lvalue stays the caller's: it has its state afterwards,
/// and the next fit goes on with it; it must live until then. A temporary or a const is copied into
/// the options.
class OptimizerRef {
 public:
  OptimizerRef(Optimizer& callers) : callers_(&callers), alive_(callers.lifetime()) {}
  OptimizerRef(Optimizer&& own) : own_(std::move(own)) {}
  OptimizerRef(const Optimizer& own) : own_(own) {}

  /// Error when the caller's is gone.
  Optimizer& get() { return const_cast<Optimizer&>(std::as_const(*this).get()); }
  const Optimizer& get() const {
    LILITH_CHECK(!callers_ || !alive_.expired(),
                 "fit: the optimiser that .optimizer refers to is gone; it must live until fit "
                 "returns, or be given away: .optimizer = std::move(o)");
    return callers_ ? *callers_ : *own_;
  }
  operator Optimizer&() { return get(); }
  operator const Optimizer&() const { return get(); }
  /// Whether it is the caller's own.
  bool is_callers() const { return callers_ != nullptr; }

  // As of the optimiser.
  const std::string& name() const { return get().name(); }
  double lr() const { return get().lr(); }
  void set_lr(double lr) { get().set_lr(lr); }
  Hyper& hyper(const detail::Name& name) { return get().hyper(name); }
  Hyper& hyper(const detail::Name& name, std::size_t group) { return get().hyper(name, group); }
  void add_param_group(const std::string& prefix, const std::map<std::string, double>& hyper) {
    get().add_param_group(prefix, hyper);
  }
  void add_param_group(std::function<bool(const std::string& path)> contains,
                       const std::map<std::string, double>& hyper) {
    get().add_param_group(std::move(contains), hyper);
  }
  std::vector<ParamGroup>& param_groups() { return get().param_groups(); }
  const std::vector<ParamGroup>& param_groups() const { return get().param_groups(); }

 private:
  Optimizer* callers_ = nullptr;
  std::weak_ptr<const void> alive_;
  std::optional<Optimizer> own_;
};

/// The scheduler that fit steps, an LRScheduler of any kind or a ReduceLROnPlateau. An lvalue stays
/// the caller's, if the optimiser is the caller's too: the next fit goes on with it. It belongs to
/// that optimiser, or to none yet; fit then attaches it. It must live until fit returns.
class SchedulerRef {
 public:
  SchedulerRef() = default;
  SchedulerRef(std::nullopt_t) {}
  SchedulerRef(LRScheduler& callers) : schedule_(&callers) {}
  SchedulerRef(LRScheduler&& own) : own_schedule_(std::move(own)) {}
  SchedulerRef(const LRScheduler& own) : own_schedule_(own) {}
  SchedulerRef(std::optional<LRScheduler> own) : own_schedule_(std::move(own)) {}
  SchedulerRef(ReduceLROnPlateau& callers) : plateau_(&callers) {}
  SchedulerRef(ReduceLROnPlateau&& own) : own_plateau_(std::move(own)) {}
  SchedulerRef(const ReduceLROnPlateau& own) : own_plateau_(own) {}

  bool has_value() const { return is_callers() || own_schedule_ || own_plateau_; }
  explicit operator bool() const { return has_value(); }
  /// Null where it is none or of the other kind.
  LRScheduler* schedule() { return own_schedule_ ? &*own_schedule_ : schedule_; }
  ReduceLROnPlateau* plateau() { return own_plateau_ ? &*own_plateau_ : plateau_; }
  /// Whether it is the caller's own.
  bool is_callers() const { return schedule_ || plateau_; }
  /// From now on a copy of the caller's.
  void own() {
    if (schedule_) own_schedule_ = *std::exchange(schedule_, nullptr);
    if (plateau_) own_plateau_ = *std::exchange(plateau_, nullptr);
  }

 private:
  // At most one of these: the caller's, or a copy.
  LRScheduler* schedule_ = nullptr;
  ReduceLROnPlateau* plateau_ = nullptr;
  std::optional<LRScheduler> own_schedule_;
  std::optional<ReduceLROnPlateau> own_plateau_;
};

}  // namespace lilith
