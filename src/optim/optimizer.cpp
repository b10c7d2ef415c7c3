#include "lilith/optim/optimizer.h"

#include <algorithm>

#include "ir/node.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "optim/rule.h"
#include "runtime/storage.h"

namespace lilith {

namespace optim {

bool covers(const std::string& prefix, const std::string& path) {
  return path.rfind(prefix, 0) == 0 &&
         (path.size() == prefix.size() || prefix.empty() || path[prefix.size()] == '.');
}

Tensor filled(const Aval& aval, double value) {
  const Aval host{aval.shape, aval.dtype, cpu()};
  StoragePtr storage = Storage::allocate(host.bytes());
  void* data = storage->data();
  const auto n = host.numel();
  switch (aval.dtype) {
    case DType::F64:
      std::fill_n(static_cast<double*>(data), n, value);
      break;
    case DType::F32:
      std::fill_n(static_cast<float*>(data), n, static_cast<float>(value));
      break;
    case DType::F16:
      std::fill_n(static_cast<half*>(data), n, half(static_cast<float>(value)));
      break;
    case DType::BF16:
      std::fill_n(static_cast<bfloat16*>(data), n, bfloat16(static_cast<float>(value)));
      break;
    default:
      fail("update: a parameter is {}; need a floating dtype.", aval.str());
  }
  const Tensor t = ir::make_data(host, std::move(storage));
  return aval.device == cpu() ? t : t.to(aval.device);
}

}  // namespace optim

Optimizer::Optimizer(const optim::Rule& rule, std::map<std::string, double> hyper,
                     std::map<std::string, bool> flags)
    : rule_(&rule), flags_(std::move(flags)) {
  ParamGroup& group = param_groups_.emplace_back();
  for (const auto& [key, value] : hyper) {
    const bool may_be_negative = key == "momentum_decay";
    LILITH_CHECK(value >= 0 || may_be_negative, "{}: {} must not be negative; got {}.", rule.name,
                 key, value);
    LILITH_CHECK(key.rfind("beta", 0) != 0 || value < 1, "{}: {} must be below 1; got {}.",
                 rule.name, key, value);
    group.hyper.emplace(key, value);
  }
  group.step = optim::filled({{}, DType::F64, cpu()}, 0);
}

Hyper& Optimizer::hyper(const std::string& name, std::size_t group) {
  LILITH_CHECK(group < param_groups_.size(), "{}: no parameter group {}; there are {}.",
               rule_->name, group, param_groups_.size());
  auto& all = param_groups_[group].hyper;
  const auto it = all.find(name);
  if (it != all.end()) return it->second;
  std::string names;
  for (const auto& [key, value] : all) names += (names.empty() ? "" : ", ") + key;
  fail("{}: no hyper-parameter '{}'; it has {}.", rule_->name, name, names);
}

void Optimizer::add_param_group(const std::string& prefix,
                                const std::map<std::string, double>& hyper) {
  add_param_group([prefix](const std::string& path) { return optim::covers(prefix, path); }, hyper);
}

void Optimizer::add_param_group(std::function<bool(const std::string& path)> contains,
                                const std::map<std::string, double>& values) {
  param_groups_.push_back(param_groups_[0]);
  for (const auto& [key, value] : values) {
    try {
      hyper(key, param_groups_.size() - 1) = value;
    } catch (...) {
      param_groups_.pop_back();
      throw;
    }
  }
  param_groups_.back().contains = std::move(contains);
  for (auto& [path, state] : state_) state.group = group_of(path);
}

std::int64_t Optimizer::group_of(const std::string& path) const {
  for (std::size_t g = param_groups_.size(); g-- > 1;)
    if (param_groups_[g].contains(path)) return static_cast<std::int64_t>(g);
  return 0;
}

void Optimizer::prepare(ModelRef model) {
  LocScope scope(model.loc(), nullptr);
  const std::vector<optim::StateDef> defs = rule_->state(flags_);
  for_each_parameter(model, [&](const std::string& path, Tensor& t) {
    if (!is_floating(t.dtype())) return;
    const auto [it, fresh] = state_.try_emplace(path);
    if (!fresh) return;
    it->second.group = group_of(path);
    const ParamGroup& group = param_groups_[static_cast<std::size_t>(it->second.group)];
    for (const optim::StateDef& def : defs) {
      const double init =
          def.init_hyper.empty() ? def.init : group.hyper.at(def.init_hyper).value();
      const Aval aval = def.scalar ? Aval{{}, DType::F64, t.device()} : t.aval();
      it->second.tensors[def.name] = optim::filled(aval, init);
    }
    // Who joins after the others have taken steps counts its own.
    if (group.step.item<double>() > 0)
      it->second.tensors["step"] = optim::filled({{}, DType::F64, t.device()}, 0);
  });
}

const std::map<std::string, Buffer>& Optimizer::state(const std::string& path) const {
  static const std::map<std::string, Buffer> kNone;
  const auto it = state_.find(path);
  return it == state_.end() ? kNone : it->second.tensors;
}

const std::string& Optimizer::name() const { return rule_->name; }

void Optimizer::visit_fields(Visitor& v) {
  const auto field = [&](const char* name, const auto& walk) {
    v.enter(std::string_view(name));
    walk();
    v.leave();
  };
  v.begin(reflect::type_info<Optimizer>);
  field("rule", [&] { v.text(rule_->name); });
  field("flags", [&] { reflect::walk(flags_, v); });
  field("groups", [&] {
    v.structure(static_cast<std::int64_t>(param_groups_.size()));
    for (std::size_t g = 0; g < param_groups_.size(); ++g) {
      v.enter(g);
      reflect::walk(param_groups_[g].hyper, v);
      field("step", [&] { v.buffer(param_groups_[g].step); });
      v.leave();
    }
  });
  field("state", [&] {
    v.structure(static_cast<std::int64_t>(state_.size()));
    for (auto& [path, state] : state_) {
      v.text(path);
      v.enter(std::string_view(path));
      v.integer(state.group);
      reflect::walk(state.tensors, v);
      v.leave();
    }
  });
  v.end();
}

Tensor clip_grad_norm_(ModelRef grads, double max_norm, double norm_type) {
  LocScope scope(grads.loc());
  LILITH_CHECK(max_norm >= 0 && norm_type > 0,
               "clip_grad_norm_: need max_norm >= 0 and norm_type > 0; got {} and {}.", max_norm,
               norm_type);
  std::vector<Tensor> norms;
  for_each_parameter(grads,
                     [&](const std::string&, Tensor& g) { norms.push_back(norm(g, norm_type)); });
  LILITH_CHECK(!norms.empty(), "clip_grad_norm_: there is no gradient.");
  const Tensor total = norm(stack(norms), norm_type);
  const Tensor factor = clamp_max(max_norm / (total + 1e-6), 1.0);
  for_each_parameter(grads, [&](const std::string&, Tensor& g) { g = g * factor.to(g.dtype()); });
  return total;
}

void clip_grad_value_(ModelRef grads, double clip_value) {
  LocScope scope(grads.loc());
  LILITH_CHECK(clip_value >= 0, "clip_grad_value_: clip_value must not be negative; got {}.",
               clip_value);
  for_each_parameter(grads,
                     [&](const std::string&, Tensor& g) { g = clamp(g, -clip_value, clip_value); });
}

}  // namespace lilith
