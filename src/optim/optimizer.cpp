#include "lilith/optim/optimizer.h"

#include <algorithm>
#include <atomic>

#include "eval/lazy.h"
#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "ir/one_device.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/half.h"
#include "optim/rule.h"

namespace lilith {

namespace optim {

bool covers(const std::string& prefix, const std::string& path) {
  return path.rfind(prefix, 0) == 0 &&
         (path.size() == prefix.size() || prefix.empty() || path[prefix.size()] == '.');
}

Tensor filled(const Aval& aval, double value) {
  LILITH_CHECK(is_floating(aval.dtype), "update: a parameter is {}; need a floating dtype.",
               aval.str());
  return ir::make_data(aval, ir::uniform(aval, {Scalar::Kind::Float, 0, value}));
}

}  // namespace optim

void optim::check_hyper(const std::string& rule, const std::string& name, double value) {
  const bool may_be_negative =
      name == "momentum_decay" || name == "beta2_decay" || name.rfind("ns_", 0) == 0;
  LILITH_CHECK(value >= 0 || may_be_negative, "{}: {} must not be negative; got {}.", rule, name,
               value);
  const bool is_beta = name.rfind("beta", 0) == 0 && name != "beta2_decay";
  LILITH_CHECK(!is_beta || value < 1, "{}: {} must be below 1; got {}.", rule, name, value);
}

const Hyper& HyperMap::at(const detail::Name& name) const {
  const LocScope scope(name.loc, nullptr);
  const auto it = values_.find(std::string(name.text));
  if (it != values_.end()) return it->second;
  std::string names;
  for (const auto& [key, value] : values_) names += (names.empty() ? "" : ", ") + key;
  fail("{}: no hyper-parameter '{}'; it has {}.", rule_, name.text, names);
}

Optimizer::Optimizer(const optim::Rule& rule, std::map<std::string, double> hyper,
                     std::map<std::string, bool> flags)
    : rule_(&rule), flags_(std::move(flags)), defaults_(std::move(hyper)) {
  ParamGroup& group = param_groups_.emplace_back();
  group.hyper.rule_ = rule.name;
  for (const auto& [key, value] : defaults_) {
    optim::check_hyper(rule.name, key, value);
    group.hyper.values_.emplace(key, value);
  }
  group.step = optim::filled({{}, DType::F64, cpu()}, 0);
  models_.emplace_back().name = "0";
}

Hyper& Optimizer::hyper(const detail::Name& name, std::size_t group) {
  const LocScope scope(name.loc, nullptr);
  LILITH_CHECK(group < param_groups_.size(), "{}: no parameter group {}; there are {}.",
               rule_->name, group, param_groups_.size());
  return param_groups_[group].hyper[name];
}

void Optimizer::set_lr(double lr) {
  for (ParamGroup& group : param_groups_) group.hyper["lr"] = lr;
}

void Optimizer::add_param_group(const std::string& prefix,
                                const std::map<std::string, double>& hyper, SourceLocation loc) {
  add_param_group([prefix](const std::string& path) { return optim::covers(prefix, path); }, hyper,
                  loc);
  param_groups_.back().prefix = prefix;
}

void Optimizer::add_param_group(std::function<bool(const std::string& path)> contains,
                                const std::map<std::string, double>& values, SourceLocation loc) {
  const LocScope::Fallback line{Loc(loc)};
  ParamGroup group;
  group.hyper = param_groups_[0].hyper;
  for (const auto& [key, value] : defaults_) group.hyper[key] = value;
  for (const auto& [key, value] : values) {
    group.hyper.at({key, loc});
    optim::check_hyper(rule_->name, key, value);
    group.hyper[key] = value;
  }
  group.contains = std::move(contains);
  group.step = param_groups_[0].step;
  param_groups_.push_back(std::move(group));
  for (ModelState& model : models_)
    if (&model != &models_.front()) model.steps.push_back(model.steps[0]);
  regroup();
}

// Gives each state the group that its path is of now. One that comes from another group keeps the
// number of its updates.
void Optimizer::regroup() {
  for (ModelState& model : models_) {
    for (auto& [path, state] : model.params) {
      const std::int64_t now = group_of(path);
      if (now == state.group) continue;
      if (state.group != 0 && state.bound)
        state.tensors.try_emplace("step", clock(model, static_cast<std::size_t>(state.group)));
      state.group = now;
    }
  }
}

std::int64_t Optimizer::group_of(const std::string& path) const {
  for (std::size_t g = param_groups_.size(); g-- > 1;)
    if (param_groups_[g].contains(path)) return static_cast<std::int64_t>(g);
  return 0;
}

Buffer& Optimizer::clock(ModelState& model, std::size_t group) {
  return &model == &models_.front() ? param_groups_[group].step : model.steps[group];
}

void Optimizer::freeze(const std::string& prefix) {
  freeze([prefix](const std::string& path) { return optim::covers(prefix, path); });
  frozen_.back().prefix = prefix;
}

void Optimizer::freeze(std::function<bool(const std::string& path)> matches) {
  static std::atomic<std::int64_t> next{0};
  frozen_.push_back({{}, std::move(matches), ++next});
}

void Optimizer::unfreeze(const std::string& prefix, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  const auto gone = std::remove_if(frozen_.begin(), frozen_.end(),
                                   [&](const Frozen& f) { return f.prefix == prefix; });
  LILITH_CHECK(gone != frozen_.end(), "{}: '{}' was not frozen.", rule_->name, prefix);
  frozen_.erase(gone, frozen_.end());
}

void Optimizer::unfreeze() { frozen_.clear(); }

bool Optimizer::is_frozen(const std::string& path) const {
  return std::any_of(frozen_.begin(), frozen_.end(),
                     [&](const Frozen& f) { return f.matches(path); });
}

const std::map<std::string, Buffer>& Optimizer::state(const std::string& path,
                                                      const std::string& model) const {
  static const std::map<std::string, Buffer> kNone;
  for (const ModelState& m : models_) {
    if (m.name != model) continue;
    const auto it = m.params.find(path);
    return it == m.params.end() ? kNone : it->second.tensors;
  }
  std::string names;
  for (const ModelState& m : models_) names += (names.empty() ? "'" : ", '") + m.name + "'";
  fail("{}: it has updated no model '{}'; there is {}.", rule_->name, model, names);
}

const std::string& Optimizer::name() const { return rule_->name; }

void Optimizer::visit_fields(Visitor& v) {
  const auto field = [&](std::string_view name, const auto& walk) {
    v.enter(name);
    walk();
    v.leave();
  };
  const auto params = [&](ModelState& model) {
    v.structure(static_cast<std::int64_t>(model.params.size()));
    for (auto& [path, state] : model.params) {
      v.text(path);
      field(path, [&] {
        v.integer(state.group);
        reflect::walk(state.tensors, v);
      });
    }
  };
  v.begin(reflect::type_info<Optimizer>);
  field("rule", [&] { v.text(rule_->name); });
  field("flags", [&] { reflect::walk(flags_, v); });
  field("frozen", [&] {
    v.structure(static_cast<std::int64_t>(frozen_.size()));
    for (const Frozen& f : frozen_) f.prefix.empty() ? v.integer(f.id) : v.text(f.prefix);
  });
  field("groups", [&] {
    v.structure(static_cast<std::int64_t>(param_groups_.size()));
    for (std::size_t g = 0; g < param_groups_.size(); ++g) {
      v.enter(g);
      reflect::walk(param_groups_[g].hyper.values_, v);
      field("step", [&] { v.buffer(param_groups_[g].step); });
      v.leave();
    }
  });
  field("state", [&] { params(models_.front()); });
  if (models_.size() > 1) {
    field("models", [&] {
      v.structure(static_cast<std::int64_t>(models_.size()));
      for (std::size_t m = 1; m < models_.size(); ++m) {
        field(models_[m].name, [&] {
          field("steps", [&] { reflect::walk(models_[m].steps, v); });
          field("state", [&] { params(models_[m]); });
        });
      }
    });
  }
  v.end();
}

Tensor detail::clip_grad_norm(ModelRef grads, double max_norm, double norm_type) {
  LocScope scope(grads.loc(), "clip_grad_norm_");
  const driver::BuildingScope building;
  LILITH_CHECK(max_norm >= 0 && norm_type > 0,
               "clip_grad_norm_: need max_norm >= 0 and norm_type > 0; got {} and {}.", max_norm,
               norm_type);
  std::vector<Tensor> norms;
  for_each_parameter(grads, [&](const std::string&, Tensor& g) {
    const Tensor n = norm(ops::widened(g), norm_type);
    norms.push_back(norms.empty() ? n : ir::on_device(n, norms[0].device()));
  });
  LILITH_CHECK(!norms.empty(), "clip_grad_norm_: there is no gradient.");
  const Tensor total = norm(stack(norms), norm_type);
  const Tensor factor = clamp_max(max_norm / (total + 1e-6), 1.0);
  for_each_parameter(grads, [&](const std::string&, Tensor& g) {
    const DType dtype = g.dtype();
    const Tensor scale = ir::on_device(factor, g.device()).to(compute_dtype(dtype));
    g = ops::narrowed(ops::widened(g) * scale, dtype);
  });
  return total;
}

void detail::clip_grad_value(ModelRef grads, double clip_value) {
  LocScope scope(grads.loc(), "clip_grad_value_");
  const driver::BuildingScope building;
  LILITH_CHECK(clip_value >= 0, "clip_grad_value_: clip_value must not be negative; got {}.",
               clip_value);
  for_each_parameter(grads,
                     [&](const std::string&, Tensor& g) { g = clamp(g, -clip_value, clip_value); });
}

}  // namespace lilith
