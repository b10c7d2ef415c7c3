#pragma once
#include <string>
#include <vector>

#include "optim/rule.h"

namespace lilith {

/// Reaches an optimiser's state: update.cpp, models.cpp, state.cpp.
struct OptimizerAccess {
  using Model = Optimizer::ModelState;
  using Param = Optimizer::ParamState;

  static std::vector<Model>& models(Optimizer& opt) { return opt.models_; }
  static const std::vector<Model>& models(const Optimizer& opt) { return opt.models_; }
  static const optim::Rule& rule(const Optimizer& opt) { return *opt.rule_; }
  static const std::map<std::string, bool>& flags(const Optimizer& opt) { return opt.flags_; }
  static std::vector<optim::StateDef> defs(const Optimizer& opt) {
    return opt.rule_->state(opt.flags_);
  }
  static const std::map<std::string, double>& defaults(const Optimizer& opt) {
    return opt.defaults_;
  }
  static std::int64_t group_of(const Optimizer& opt, const std::string& path) {
    return opt.group_of(path);
  }
  static Buffer& clock(Optimizer& opt, Model& model, std::size_t group) {
    return opt.clock(model, group);
  }
  static bool has_frozen(const Optimizer& opt) { return !opt.frozen_.empty(); }
  template <class F>
  static void each_frozen(const Optimizer& opt, const F& f) {
    for (const auto& frozen : opt.frozen_) f(frozen.prefix, frozen.matches);
  }
  /// Lets a rule that was made without momentum have it: its hyper-parameter is set later.
  static void enable_momentum(Optimizer& opt) {
    const auto flag = opt.flags_.find("momentum");
    if (flag != opt.flags_.end()) flag->second = true;
  }
  /// The model's state by its name; nullptr when there is none.
  static Model* find(Optimizer& opt, const std::string& name);
  /// State for one more model. Error for a name that cannot be one.
  static Model& add(Optimizer& opt, const std::string& name);
};

namespace optim {

/// Name, flags, groups and models of an optimiser, as text: what a file holds beside its tensors.
std::string describe(const Optimizer& opt);
/// load_state_dict after matching that text (empty: of an older file, that has none).
void load_described(Optimizer& opt, const StateDict& dict, const std::string& description,
                    const LoadOptions& options);

}  // namespace optim

}  // namespace lilith
