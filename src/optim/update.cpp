#include <algorithm>
#include <optional>
#include <set>

#include "core/autocast_state.h"
#include "eval/lazy.h"
#include "eval/retrace.h"
#include "ir/node.h"
#include "ir/one_device.h"
#include "lilith/compile.h"
#include "lilith/ops/elementwise.h"
#include "lilith/optim/grad_scaler.h"
#include "ops/half.h"
#include "ops/primitives.h"
#include "optim/identity.h"
#include "optim/models.h"
#include "transforms/ties.h"

namespace lilith {
namespace {

using Access = OptimizerAccess;

void check_gradient(const std::string& path, const Tensor& param, const Tensor& grad) {
  LILITH_CHECK(param.shape() == grad.shape(), "update: '{}' is {}, its gradient is {}.", path,
               param.aval().str(), grad.aval().str());
}

/// One update: the numbers of updates that have been counted on in it.
struct Ticks {
  std::set<std::size_t> groups;
  // Parameters that joined together share the tensor of their count.
  std::map<const ir::NodeImpl*, std::pair<Tensor, std::string>> own;
};

// Counts the parameter's update; the count's name among the scalars.
std::pair<Tensor, std::string> tick(Optimizer& opt, Access::Model& model, Access::Param& state,
                                    const std::string& path, Ticks& ticks) {
  const auto own = state.tensors.find("step");
  if (own == state.tensors.end()) {
    const auto g = static_cast<std::size_t>(state.group);
    Buffer& clock = Access::clock(opt, model, g);
    if (ticks.groups.insert(g).second) clock = Tensor(clock) + 1;
    return {clock, std::to_string(g)};
  }
  const auto [at, fresh] = ticks.own.try_emplace(own->second.node());
  if (fresh) at->second = {Tensor(own->second) + 1, path};
  own->second = at->second.first;
  return at->second;
}

void apply(Optimizer& opt, Access::Model& model, const std::string& path, Tensor& param,
           Tensor grad, optim::Scalars& scalars, Ticks& ticks) {
  Access::Param& state = model.params.at(path);
  const auto g = static_cast<std::size_t>(state.group);
  auto [count, clock] = tick(opt, model, state, path, ticks);
  if (grad.dtype() != param.dtype()) grad = grad.to(param.dtype());
  if (Access::flags(opt).at("maximize")) grad = -grad;
  const auto run = [&, count = count, clock = clock](Tensor& p, Tensor of,
                                                     std::map<std::string, Buffer>& tensors) {
    optim::Step step{
        p, std::move(of), opt.param_groups()[g].hyper, Access::flags(opt), tensors, count, clock,
        g, scalars};
    Access::rule(opt).step(step);
  };
  if (!is_half(param.dtype())) return run(param, std::move(grad), state.tensors);
  // Of halves the step is one op: computed in f32, parameter and state rounded at its end.
  Tensor wide = ops::widened(param);
  std::map<std::string, Buffer> tensors;
  for (const auto& [name, tensor] : state.tensors) tensors[name] = ops::widened(tensor);
  run(wide, ops::widened(grad), tensors);
  param = ops::narrowed(wide, param.dtype());
  for (auto& [name, tensor] : state.tensors)
    tensor = ops::narrowed(tensors.at(name), tensor.dtype());
}

// Per parameter; what is ignored or frozen under one of its names is.
std::vector<char> find_ignored(const Optimizer& opt, const UpdateOptions& options,
                               const std::vector<optim::Slot>& params,
                               const std::vector<std::size_t>& roots) {
  std::vector<char> out(params.size(), 0);
  for (std::size_t i = 0; i < params.size(); ++i)
    if (optim::stays(opt, options, params[i].first)) out[detail::root_of(roots, i)] = 1;
  return out;
}

// What an update assigns: parameters, also those that are tied to them, and the optimiser's state.
std::vector<Tensor*> assigned_fields(Optimizer& opt, Access::Model& state,
                                     const std::vector<optim::Slot>& params) {
  std::vector<Tensor*> fields;
  for (const auto& [path, param] : params) {
    fields.push_back(param);
    const auto at = state.params.find(path);
    if (at == state.params.end()) continue;
    for (auto& [name, tensor] : at->second.tensors) fields.push_back(&tensor);
    fields.push_back(&Access::clock(opt, state, static_cast<std::size_t>(at->second.group)));
  }
  std::ranges::sort(fields);
  fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  return fields;
}

const Tensor*& update_condition() {
  thread_local const Tensor* condition = nullptr;
  return condition;
}

// What was assigned since `before` was there, but the same as before where `skip`.
void keep_where(const Tensor& skip, const std::vector<Tensor*>& fields,
                const std::vector<Tensor>& before) {
  for (std::size_t k = 0; k < fields.size(); ++k) {
    const Tensor now = *fields[k];
    if (!before[k].defined() || now.node() == before[k].node()) continue;
    const Tensor where = ops::make_broadcast(ir::on_device(skip, now.device()), now.shape(), {});
    fields[k]->rebind(ops::make_select(where, before[k], now));
  }
}

}  // namespace

detail::UpdateUnless::UpdateUnless(const Tensor& skip)
    : skip_(skip), saved_(std::exchange(update_condition(), skip.defined() ? &skip_ : nullptr)) {}
detail::UpdateUnless::~UpdateUnless() { update_condition() = saved_; }
Tensor detail::UpdateUnless::condition() {
  return update_condition() ? *update_condition() : Tensor();
}

void detail::update(Optimizer& opt, ModelRef model, ConstModelRef grads, bool consume,
                    const UpdateOptions& options) {
  LocScope scope(model.loc());
  const AutocastOff formulas;
  const std::vector<optim::Slot> params = optim::all_slots(model);
  const std::vector<optim::Slot> gradients = optim::all_slots(grads);
  LILITH_CHECK(params.size() == gradients.size(),
               "update: the model has {} parameters, the gradients have {}.", params.size(),
               gradients.size());
  optim::check_ignored(options.ignore, params);
  optim::check_selections(opt, params);
  const std::vector<std::size_t> roots = optim::roots_of(params, true);
  const std::vector<char> ignored = find_ignored(opt, options, params, roots);
  std::vector<std::size_t> updated;
  optim::UpdateCall call{model, options.model, {}, [&] { eval_pending(model, grads); }};
  for (std::size_t i = 0; i < params.size(); ++i) {
    const auto& [path, param] = params[i];
    const Tensor& grad = *gradients[i].second;
    if (root_of(roots, i) != i || ignored[i] || !param->defined()) continue;
    optim::check_trainable("update", path, *param);
    if (!grad.defined()) continue;
    check_gradient(path, *param, grad);
    updated.push_back(i);
    call.paths.insert(path);
  }
  Access::Model* state =
      updated.empty() ? nullptr : &optim::ready_state(opt, call, optim::firsts(params, roots));
  std::vector<Tensor*> assigned;
  std::optional<driver::UndoScope> before;
  const Tensor skip = detail::UpdateUnless::condition();
  std::vector<Tensor*> fields;
  if (state != nullptr && (skip.defined() || !tracing()))
    fields = assigned_fields(opt, *state, params);
  if (state != nullptr && !tracing()) before.emplace(fields);
  {
    const driver::BuildingScope building;  // the step is one program, however long
    optim::Scalars scalars;
    Ticks ticks;
    std::vector<Tensor> values;
    if (skip.defined())
      for (const Tensor* field : fields) values.push_back(*field);
    for (const std::size_t i : updated) {
      const auto& [path, param] = params[i];
      const KeepTie keep(param->tie_tag());
      apply(opt, *state, path, *param, *gradients[i].second, scalars, ticks);
      assigned.push_back(param);
    }
    if (skip.defined()) keep_where(skip, fields, values);
    for (std::size_t i = 0; i < roots.size(); ++i)
      if (roots[i] != i) params[i].second->rebind(*params[roots[i]].second);
    if (consume)
      for (auto& [path, grad] : gradients) *grad = Tensor();
  }
  if (tracing()) return;
  eval_pending(model, opt);
  if (before) before->keep();
  if (state != nullptr) optim::note_update(*state, model.address(), assigned);
}

}  // namespace lilith
