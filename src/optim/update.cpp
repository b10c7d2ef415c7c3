#include <algorithm>

#include "lilith/compile.h"
#include "lilith/ops/elementwise.h"
#include "lilith/optim/optimizer.h"
#include "optim/rule.h"

namespace lilith {

/// Reaches an optimiser's state.
struct OptimizerAccess {
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
  LILITH_CHECK(is_floating(param.dtype()), "update: '{}' is {}; only floating parameters can be updated.",
               path, param.aval().str());
}

void check_ignored(const std::vector<std::string>& ignore,
                   const std::vector<std::pair<std::string, Tensor*>>& params) {
  for (const std::string& prefix : ignore)
    LILITH_CHECK(std::any_of(params.begin(), params.end(),
                             [&](const auto& p) { return optim::covers(prefix, p.first); }),
                 "update: ignore names '{}', which is no parameter of the model.", prefix);
}

}  // namespace

void OptimizerAccess::apply(Optimizer& opt, const std::string& path, Tensor& param, Tensor grad,
                            optim::Scalars& scalars, std::vector<bool>& ticked) {
  const auto it = opt.state_.find(path);
  LILITH_CHECK(it != opt.state_.end(),
               "update: {} has no state for '{}', and a traced function cannot make it; call "
               "prepare(model) of the optimiser before.",
               opt.name(), path);
  auto& state = it->second;
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
  optim::Step step{param,       std::move(grad), group.hyper,
                   opt.flags_,  state.tensors,   own != state.tensors.end() ? own->second : group.step,
                   std::move(clock), g,          scalars};
  opt.rule_->step(step);
}

void detail::update(Optimizer& opt, ModelRef model, ModelRef grads, bool consume,
                    const UpdateOptions& options) {
  if (!tracing()) opt.prepare(model);
  Slots params, gradients;
  model.visit(params);
  grads.visit(gradients);
  LILITH_CHECK(params.all.size() == gradients.all.size(),
               "update: the model has {} parameters, the gradients have {}.", params.all.size(),
               gradients.all.size());
  check_ignored(options.ignore, params.all);
  {
    optim::Scalars scalars;
    std::vector<bool> ticked(opt.param_groups().size(), false);
    for (std::size_t i = 0; i < params.all.size(); ++i) {
      auto& [path, param] = params.all[i];
      Tensor grad = *gradients.all[i].second;
      if (consume) *gradients.all[i].second = Tensor();
      const bool ignored = std::any_of(options.ignore.begin(), options.ignore.end(),
                                       [&](const auto& prefix) { return optim::covers(prefix, path); });
      if (!param->defined() || !grad.defined() || ignored) continue;
      check_gradient(path, *param, grad);
      OptimizerAccess::apply(opt, path, *param, std::move(grad), scalars, ticked);
    }
  }
  eval_pending(model, opt);
}

}  // namespace lilith
