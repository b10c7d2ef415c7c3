#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/detail/given_first.h"
#include "lilith/gradients.h"
#include "lilith/hyper.h"
#include "lilith/model.h"
#include "lilith/optim/followed.h"
#include "lilith/tensor.h"

namespace lilith {

class Storage;  // src/runtime/storage.h
struct UpdateOptions;

namespace optim {

struct Rule;  // src/optim/rule.h

/// Tells who refers to an object whether it is still there. A copy belongs to another object.
class Lifetime {
 public:
  Lifetime() : alive_(std::make_shared<char>()) {}
  Lifetime(const Lifetime&) : Lifetime() {}
  Lifetime& operator=(const Lifetime&) { return *this; }
  std::weak_ptr<const void> watch() const { return alive_; }

 private:
  std::shared_ptr<const void> alive_;
};

}  // namespace optim

/// Hyper-parameters by name: "lr", "weight_decay", "beta1" … A name that the rule does not have is
/// an Error that lists those it has.
class HyperMap {
 public:
  /// Error where there is none of that name; the message lists them.
  Hyper& operator[](const detail::Name& name) { return const_cast<Hyper&>(at(name)); }
  Hyper& at(const detail::Name& name) { return const_cast<Hyper&>(std::as_const(*this).at(name)); }
  const Hyper& at(const detail::Name& name) const;
  bool contains(const std::string& name) const { return values_.count(name) != 0; }
  std::size_t count(const std::string& name) const { return values_.count(name); }
  std::size_t size() const { return values_.size(); }
  auto begin() { return values_.begin(); }
  auto end() { return values_.end(); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  friend class Optimizer;
  std::map<std::string, Hyper> values_;
  std::string rule_;  // "Adam"
};

/// Parameters that share hyper-parameters. The first group of an optimiser takes those that no
/// other wants.
struct ParamGroup {
  /// hyper[name], as PyTorch's groups have it: group["lr"] = 0.1.
  Hyper& operator[](const detail::Name& name) { return hyper[name]; }
  const Hyper& operator[](const detail::Name& name) const { return hyper.at(name); }
  std::function<bool(const std::string& path)> contains;
  HyperMap hyper;
  Buffer step;  // f64 []: updates so far, of the first model
  /// The rate that schedules start from; set by the first scheduler that is attached.
  std::optional<double> initial_lr = {};
  /// What `contains` asks for; empty: a function of the program, or the first group.
  std::string prefix = {};
};

/// Updates parameters from gradients by a rule (Adam, SGD …). A value: copies are independent, and
/// an Adam may be kept as an Optimizer. Hyper-parameters are run-time numbers, so that changing
/// them compiles nothing.
///
/// State is keyed by the model and the parameter's path. Several models may be updated by one
/// optimiser: each has state and step counts of its own. A model is the one of before when it has
/// the tensors that were last assigned to it (it may have been moved, or be a copy), when it stands
/// where it stood, or when nobody holds those tensors any more (it was loaded anew). Where that
/// leaves a choice, `update` throws, and asks for a name: {.model = "generator"}. Models without a
/// name are called "0", "1" … in the order of their first update.
class Optimizer : public optim::Followed {
 public:
  /// A hyper-parameter of the first group ("lr"), to read or to set. Error when the rule has none
  /// of that name; the message lists them.
  Hyper& hyper(const detail::Name& name) { return hyper(name, 0); }
  Hyper& hyper(const detail::Name& name, std::size_t group);
  /// The rate of the first group.
  double lr() const { return param_groups_[0].hyper.at("lr").value(); }
  /// Sets the rate of every group, those with one of their own too, as PyTorch's loop over
  /// param_groups does; `hyper("lr", i)` sets one group's.
  void set_lr(double lr);

  /// Gives the parameters at or below `prefix` ("head", "head.fc.bias") hyper-parameters of their
  /// own; those not named have the values that the optimiser was made with. A later group wins.
  /// Errors: an unknown name or a value out of range; a prefix that matches no parameter, at the
  /// first update.
  void add_param_group(const std::string& prefix, const std::map<std::string, double>& hyper,
                       SourceLocation loc = SourceLocation::current());
  /// The same for the paths that `contains` accepts.
  void add_param_group(std::function<bool(const std::string& path)> contains,
                       const std::map<std::string, double>& hyper,
                       SourceLocation loc = SourceLocation::current());
  std::vector<ParamGroup>& param_groups() { return param_groups_; }
  const std::vector<ParamGroup>& param_groups() const { return param_groups_; }

  /// Parameters at or below `prefix`, or those that the function accepts, stay as they are from now
  /// on: no update, no weight decay, no step counted, and no state is made for them. Ref:
  /// requires_grad_(False). Error at the next update when it matches no parameter.
  void freeze(const std::string& prefix);
  void freeze(std::function<bool(const std::string& path)> matches);
  /// Takes back freeze(prefix). Error when nothing was frozen by it.
  void unfreeze(const std::string& prefix, SourceLocation loc = SourceLocation::current());
  /// Takes back every freeze.
  void unfreeze();
  bool is_frozen(const std::string& path) const;

  /// Makes the state of parameters that have none, as real tensors, so that the first step runs the
  /// same program as the second. `compile` calls it; so does `update`, outside of a trace. Errors:
  /// a parameter that is no floating-point tensor; a group or freeze that matches nothing; loaded
  /// state that does not fit.
  void prepare(ConstModelRef model);
  /// The same without what these options leave out.
  void prepare(ConstModelRef model, const UpdateOptions& options);
  /// The state of one parameter by name ("exp_avg"), empty before its first step. `model`: its
  /// name, where several are updated; Error for one that is not known.
  const std::map<std::string, Buffer>& state(const std::string& path,
                                             const std::string& model = "0") const;
  /// As the functions of these names below. Ref: torch.optim.Optimizer.state_dict
  StateDict state_dict() const;
  void load_state_dict(const StateDict& dict, SourceLocation loc = SourceLocation::current());
  /// "Adam".
  const std::string& name() const;
  /// Epochs that fit has begun with it: the next call of fit goes on with the orders of the rows
  /// that follow.
  std::int64_t fit_epochs() const { return fit_epochs_; }
  void set_fit_epochs(std::int64_t epochs) { fit_epochs_ = epochs; }
  /// Expires with this object.
  std::weak_ptr<const void> lifetime() const { return lifetime_.watch(); }

  // What Lilith has other words for.
  template <class... A>
  void step(A&&...) {
    static_assert(detail::kNever<A...>,
                  "lilith: an optimiser has no step(): auto [loss, g] = grad(f, net, x, y); "
                  "update(optimizer, net, g)");
  }
  template <class... A>
  void zero_grad(A&&...) {
    static_assert(detail::kNever<A...>,
                  "lilith: there is no zero_grad(): gradients are what grad returns, new each "
                  "time; leave the line out");
  }

  LILITH_CLASS
  void visit_fields(Visitor& v);

 protected:
  Optimizer(const optim::Rule& rule, std::map<std::string, double> hyper,
            std::map<std::string, bool> flags = {});

 private:
  friend struct OptimizerAccess;  // src/optim/access.h
  struct ParamState {
    std::int64_t group = 0;
    std::map<std::string, Buffer> tensors;
    bool bound = true;  // false: read from a file, and no parameter has been seen yet
  };
  struct ModelState {
    std::string name;
    std::vector<Buffer> steps;  // updates so far, by group; of the first model: ParamGroup::step
    std::map<std::string, ParamState> params;
    // By what a model is known again (src/optim/identity.h): where it was last, what was assigned
    // to its parameters last, and what was assigned before and is still held by somebody.
    const void* address = nullptr;
    std::vector<std::weak_ptr<Storage>> latest, older;
    bool claimed = false;  // a trace has updated it, whose program is not run yet
  };
  struct Frozen {
    std::string prefix;  // empty: a function
    std::function<bool(const std::string& path)> matches;
    std::int64_t id;  // of this process: tells compiled programs that another set is frozen
  };
  std::int64_t group_of(const std::string& path) const;
  Buffer& clock(ModelState& model, std::size_t group);
  void regroup();

  const optim::Rule* rule_;
  std::map<std::string, bool> flags_;  // static: nesterov, amsgrad …
  std::map<std::string, double> defaults_;
  std::vector<ParamGroup> param_groups_;
  std::vector<Frozen> frozen_;
  std::vector<ModelState> models_;  // never empty
  std::int64_t fit_epochs_ = 0;
  optim::Lifetime lifetime_;
};

namespace optim {

/// What a schedule steps: none, an optimiser, or one that is gone.
class OptimizerPointer {
 public:
  OptimizerPointer() = default;
  OptimizerPointer& operator=(Optimizer& opt);
  /// Null without one, and when it is gone.
  Optimizer* get() const { return place_ ? static_cast<Optimizer*>(*place_) : nullptr; }
  /// Whether it was given one.
  explicit operator bool() const { return place_ != nullptr; }
  /// Error without one, and when it is gone; `who` asks.
  Optimizer& need(std::string_view who) const;

 private:
  std::shared_ptr<Followed*> place_;
};

}  // namespace optim

/// Hyper-parameters, step counts and state by key: "groups.0.lr", "state.fc.weight.exp_avg"; of
/// further models "models.1.state.fc.weight.exp_avg". Ref: torch.optim.Optimizer.state_dict.
StateDict state_dict(const Optimizer& opt);
/// Puts them back; keys of hyper-parameters may be missing. State of parameters that the optimiser
/// has not seen waits for their first update. Errors: keys that the optimiser cannot have, shapes
/// and numbers of groups that differ, side by side; an option that matches nothing; nothing is
/// changed then.
///
/// Of the options, `prefix` is one of keys ("optimizer"); `strip` and `rename` are of parameters'
/// paths, and of groups', so that a model and its optimiser load with the same ones. With
/// ignore_misshapen a parameter of another shape keeps the state that it has: prepare(model) first.
void load_state_dict(Optimizer& opt, const StateDict& dict, LoadOptions options = {},
                     SourceLocation loc = SourceLocation::current());
/// Writes an optimiser as safetensors: its state_dict, name, flags, and groups made by prefix.
void save(const Optimizer& opt, const std::string& path,
          SourceLocation loc = SourceLocation::current());
/// Reads it back: the hyper-parameters as they were (the rate as scheduled), step counts and state.
/// Groups made by prefix are made anew where this one has none. Files of state alone load too.
/// Errors: another algorithm or other flags; those of load_state_dict.
void load(Optimizer& opt, const std::string& path, LoadOptions options = {},
          SourceLocation loc = SourceLocation::current());

struct UpdateOptions {
  /// Paths, or prefixes of paths, that stay as they are. Error for one that matches no parameter.
  std::vector<std::string> ignore = {};
  /// Which of several models of one optimiser this is, by a name of your own. Empty: the optimiser
  /// knows it by its parameters, or has only one.
  std::string model = {};
};

namespace detail {
void update(Optimizer& opt, ModelRef model, ConstModelRef grads, bool consume,
            const UpdateOptions& options);
}

/// One step: assigns to each parameter of `model` what the optimiser makes of its gradient, the
/// field of the same path in `grads` (undefined: the parameter stays): what grad gives, or a struct
/// of the model's type. Outside of a trace
/// everything that is pending in model and optimiser is evaluated, as one program; inside, it is
/// recorded. With std::move(grads) the gradients are never stored. Errors: shapes that differ.
template <class M, class G>
void update(Optimizer& opt, M& model, G&& grads, const UpdateOptions& options = {},
            SourceLocation loc = SourceLocation::current()) {
  using Model = std::remove_const_t<M>;
  using Given = std::remove_cvref_t<G>;
  constexpr bool kSwapped = reflect::holds_gradients<Model>;
  constexpr bool kConst = std::is_const_v<M>;
  constexpr bool kFit = std::is_same_v<Model, typename reflect::ModelOf<Given>::type>;
  static_assert(!kSwapped,
                "lilith: update(optimizer, model, gradients): here the gradients stand where the "
                "model belongs; swap them");
  static_assert(!kConst,
                "lilith: update(optimizer, model, gradients): the model is const, so it cannot be "
                "trained; take it by non-const reference (Net& m)");
  static_assert(kSwapped || kFit,
                "lilith: update(optimizer, model, gradients): the gradients are not of this "
                "model's type; pass what grad gives for it");
  constexpr bool kConsume =
      !std::is_lvalue_reference_v<G> && !std::is_const_v<std::remove_reference_t<G>>;
  if constexpr (reflect::is_view<Given> && kFit)
    update(opt, model, grads.gradients, options, loc);
  else if constexpr (kFit && !kSwapped && !kConst)
    detail::update(opt, ModelRef(model, loc), grads, kConsume, options);
}

namespace detail {
Tensor clip_grad_norm(ModelRef grads, double max_norm, double norm_type);
void clip_grad_value(ModelRef grads, double clip_value);

/// The gradients behind g, for a function that changes them.
template <class G>
auto& gradients_to_change(G& g) {
  using Given = std::remove_const_t<G>;
  if constexpr (reflect::is_view<Given>) {
    return g.gradients;
  } else {
    static_assert(!reflect::is_unmarked<Given>,
                  "lilith: this is a model, and clipping it would shrink its weights: pass the "
                  "gradients that grad gives (auto [loss, g] = grad(f, net, x); "
                  "clip_grad_norm_(g, 1)), or as_gradients(sum) for a struct of your own that "
                  "holds gradients");
    static_assert(reflect::is_unmarked<Given> || !std::is_const_v<G>,
                  "lilith: these gradients are const, so they cannot be clipped");
    return const_cast<Given&>(g);
  }
}
}  // namespace detail

/// Scales the gradients so that their common p-norm is at most max_norm; returns the norm before.
/// grads: what grad gives, or as_gradients(x); a model does not compile. Ref:
/// torch.nn.utils.clip_grad_norm_.
template <class G>
Tensor clip_grad_norm_(G&& grads, Real max_norm, Real norm_type = 2,
                       SourceLocation loc = SourceLocation::current()) {
  return detail::clip_grad_norm(ModelRef(detail::gradients_to_change(grads), loc), max_norm,
                                norm_type);
}
/// Clamps every gradient to [-clip_value, clip_value].
template <class G>
void clip_grad_value_(G&& grads, Real clip_value, SourceLocation loc = SourceLocation::current()) {
  detail::clip_grad_value(ModelRef(detail::gradients_to_change(grads), loc), clip_value);
}

}  // namespace lilith
