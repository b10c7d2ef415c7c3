#pragma once
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/hyper.h"
#include "lilith/model.h"
#include "lilith/tensor.h"

namespace lilith {

namespace optim {
struct Rule;  // src/optim/rule.h
}

/// Parameters that share hyper-parameters. The first group of an optimiser takes those that no
/// other wants.
struct ParamGroup {
  std::function<bool(const std::string& path)> contains;
  std::map<std::string, Hyper> hyper;  // "lr", "weight_decay", "beta1" …
  Buffer step;                         // f64 []: updates so far
};

/// Updates parameters from gradients by a rule (Adam, SGD …). A value: copies are independent, and
/// an Adam may be kept as an Optimizer. State is keyed by the parameter's path; hyper-parameters
/// are run-time numbers, so that changing them compiles nothing.
class Optimizer {
 public:
  /// A hyper-parameter of the first group ("lr"), to read or to set. Error when the rule has none
  /// of that name; the message lists them.
  Hyper& hyper(const std::string& name) { return hyper(name, 0); }
  double lr() const { return param_groups_[0].hyper.at("lr").value(); }
  void set_lr(double lr) { hyper("lr") = lr; }
  Hyper& hyper(const std::string& name, std::size_t group);

  /// Gives the parameters at or below `prefix` ("head", "head.fc.bias") hyper-parameters of their
  /// own; those not named are the first group's. A later group wins. Error for an unknown name.
  void add_param_group(const std::string& prefix, const std::map<std::string, double>& hyper);
  /// The same for the paths that `contains` accepts.
  void add_param_group(std::function<bool(const std::string& path)> contains,
                       const std::map<std::string, double>& hyper);
  std::vector<ParamGroup>& param_groups() { return param_groups_; }
  const std::vector<ParamGroup>& param_groups() const { return param_groups_; }

  /// Makes the state of parameters that have none, as real tensors, so that the first step runs the
  /// same program as the second. `compile` calls it; so does `update`, outside of a trace.
  void prepare(ModelRef model);
  /// The state of one parameter by name ("exp_avg"), empty before its first step.
  const std::map<std::string, Buffer>& state(const std::string& path) const;
  /// "Adam".
  const std::string& name() const;
  /// Epochs that fit has begun with it: the next call of fit goes on with the orders of the rows
  /// that follow.
  std::int64_t fit_epochs() const { return fit_epochs_; }
  void set_fit_epochs(std::int64_t epochs) { fit_epochs_ = epochs; }

  void visit_fields(Visitor& v);

 protected:
  Optimizer(const optim::Rule& rule, std::map<std::string, double> hyper,
            std::map<std::string, bool> flags = {});

 private:
  friend struct OptimizerAccess;  // src/optim/update.cpp
  struct ParamState {
    std::int64_t group = 0;
    std::map<std::string, Buffer> tensors;
  };
  std::int64_t group_of(const std::string& path) const;

  const optim::Rule* rule_;
  std::map<std::string, bool> flags_;  // static: nesterov, amsgrad …
  std::vector<ParamGroup> param_groups_;
  std::map<std::string, ParamState> state_;
  std::int64_t fit_epochs_ = 0;
};

struct UpdateOptions {
  /// Paths, or prefixes of paths, that stay as they are. Error for one that matches no parameter.
  std::vector<std::string> ignore = {};
};

namespace detail {
void update(Optimizer& opt, ModelRef model, ModelRef grads, bool consume,
            const UpdateOptions& options);
}

/// One step: assigns to each parameter of `model` what the optimiser makes of its gradient, the
/// field of the same path in `grads` (undefined: the parameter stays). Outside of a trace
/// everything that is pending in model and optimiser is evaluated, as one program; inside, it is
/// recorded. With std::move(grads) the gradients are never stored. Errors: shapes that differ.
template <class M, class G>
void update(Optimizer& opt, M& model, G&& grads, const UpdateOptions& options = {},
            SourceLocation loc = SourceLocation::current()) {
  static_assert(std::is_same_v<M, std::remove_cvref_t<G>>,
                "lilith: update takes a model and its gradients, which have the model's type");
  constexpr bool kConsume =
      !std::is_lvalue_reference_v<G> && !std::is_const_v<std::remove_reference_t<G>>;
  detail::update(opt, ModelRef(model, loc), grads, kConsume, options);
}

/// Scales the gradients so that their common p-norm is at most max_norm; returns the norm before.
/// Ref: torch.nn.utils.clip_grad_norm_.
Tensor clip_grad_norm_(ModelRef grads, double max_norm, double norm_type = 2);
/// Clamps every gradient to [-clip_value, clip_value].
void clip_grad_value_(ModelRef grads, double clip_value);

}  // namespace lilith
