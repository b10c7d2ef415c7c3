#include <algorithm>

#include "eval/retrace.h"
#include "lilith/compile.h"
#include "lilith/ops/elementwise.h"
#include "lilith/optim/optimizer.h"
#include "optim/rule.h"

namespace lilith {

/// Reaches an optimiser's state.
struct OptimizerAccess {
  static bool has_state(const Optimizer& opt, const std::string& path) {
    return opt.state_.count(path) != 0;
  }
  static void apply(Optimizer& opt, const std::string& path, Tensor& param, Tensor grad,
                    optim::Scalars& scalars, std::vector<bool>& ticked);
};

namespace {

// Parameters in order, undefined ones too, with their paths.
class Slots : public PathVisitor {
 public:
  void parameter(Tensor& t) override { all.emplace_back(path(), &t); }
  void buffer(Buffer&) override {}
  std::vector<std::pair<std::string, Tensor*>> all;
};

void check_gradient(const std::string& path, const Tensor& param, const Tensor& grad) {
  LILITH_CHECK(param.shape() == grad.shape(), "update: '{}' is {}, its gradient is {}.", path,
               param.aval().str(), grad.aval().str());
  LILITH_CHECK(is_floating(param.dtype()),
               "update: '{}' is {}; only floating parameters can be updated.", path,
               param.aval().str());
}

void check_ignored(const std::vector<std::string>& ignore,
                   const std::vector<std::pair<std::string, Tensor*>>& params) {
  for (const std::string& prefix : ignore)
    LILITH_CHECK(std::any_of(params.begin(), params.end(),
                             [&](const auto& p) { return optim::covers(prefix, p.first); }),
                 "update: ignore names '{}', which is no parameter of the model.", prefix);
}

// A trace cannot make state: compile is asked to make it before it traces again.
[[noreturn]] void request_state(Optimizer& opt, const ModelRef& model) {
  throw driver::RetraceAfter{
      {&opt, model.address()},
      [&opt, model] { opt.prepare(model); },
      "update: the optimiser has no state for this model yet, and a traced function cannot make "
      "it; "
      "pass both as non-const arguments, or call prepare(model) of the optimiser before."};
}

}  // namespace

void OptimizerAccess::apply(Optimizer& opt, const std::string& path, Tensor& param, Tensor grad,
                            optim::Scalars& scalars, std::vector<bool>& ticked) {
  auto& state = opt.state_.at(path);
  const auto g = static_cast<std::size_t>(state.group);
  ParamGroup& group = opt.param_groups_[g];
  const auto own = state.tensors.find("step");
  std::string clock = std::to_string(g);
  if (own != state.tensors.end()) {
    clock = path;
    own->second = Tensor(own->second) + 1;
  } else if (!ticked[g]) {
    ticked[g] = true;
    group.step = Tensor(group.step) + 1;
  }
  if (grad.dtype() != param.dtype()) grad = grad.to(param.dtype());
  if (opt.flags_.at("maximize")) grad = -grad;
  optim::Step step{param,
                   std::move(grad),
                   group.hyper,
                   opt.flags_,
                   state.tensors,
                   own != state.tensors.end() ? own->second : group.step,
                   std::move(clock),
                   g,
                   scalars};
  opt.rule_->step(step);
}

void detail::update(Optimizer& opt, ModelRef model, ModelRef grads, bool consume,
                    const UpdateOptions& options) {
  LocScope scope(model.loc());
  if (!tracing()) opt.prepare(model);
  Slots params, gradients;
  model.visit(params);
  grads.visit(gradients);
  LILITH_CHECK(params.all.size() == gradients.all.size(),
               "update: the model has {} parameters, the gradients have {}.", params.all.size(),
               gradients.all.size());
  check_ignored(options.ignore, params.all);
  std::vector<std::size_t> updated;
  for (std::size_t i = 0; i < params.all.size(); ++i) {
    const auto& [path, param] = params.all[i];
    const Tensor& grad = *gradients.all[i].second;
    const bool ignored =
        std::any_of(options.ignore.begin(), options.ignore.end(),
                    [&](const auto& prefix) { return optim::covers(prefix, path); });
    if (!param->defined() || !grad.defined() || ignored) continue;
    check_gradient(path, *param, grad);
    if (!OptimizerAccess::has_state(opt, path)) request_state(opt, model);
    updated.push_back(i);
  }
  {
    optim::Scalars scalars;
    std::vector<bool> ticked(opt.param_groups().size(), false);
    for (const std::size_t i : updated) {
      const auto& [path, param] = params.all[i];
      OptimizerAccess::apply(opt, path, *param, *gradients.all[i].second, scalars, ticked);
    }
    if (consume)
      for (auto& [path, grad] : gradients.all) *grad = Tensor();
  }
  eval_pending(model, opt);
}

}  // namespace lilith
