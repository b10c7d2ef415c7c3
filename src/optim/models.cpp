#include "optim/models.h"

#include <algorithm>

#include "core/nearest.h"
#include "eval/retrace.h"
#include "lilith/compile.h"
#include "optim/identity.h"
#include "transforms/ties.h"

namespace lilith {

using Access = OptimizerAccess;

Access::Model* Access::find(Optimizer& opt, const std::string& name) {
  for (Model& model : opt.models_)
    if (model.name == name) return &model;
  return nullptr;
}

Access::Model& Access::add(Optimizer& opt, const std::string& name) {
  LILITH_CHECK(!name.empty() && name.find('.') == name.npos,
               "{}: a model's name must have no dot and not be empty; got '{}'.", opt.name(), name);
  Model& model = opt.models_.emplace_back();
  model.name = name;
  for (std::size_t g = 0; g < opt.param_groups_.size(); ++g)
    model.steps.push_back(optim::filled({{}, DType::F64, cpu()}, 0));
  return model;
}

namespace optim {
namespace {

class SlotVisitor final : public PathVisitor {
 public:
  void parameter(Tensor& t) override { all.emplace_back(path(), &t); }
  void buffer(Buffer&) override {}
  std::vector<Slot> all;
};

Tensor initial(const Optimizer& opt, const StateDef& def, const Access::Param& state,
               const Tensor& param) {
  const ParamGroup& group = opt.param_groups()[static_cast<std::size_t>(state.group)];
  const double init = def.init_hyper.empty() ? def.init : group.hyper.at(def.init_hyper).value();
  if (def.scalar) return filled({{}, DType::F64, cpu()}, init);
  return filled({*def.shape_for(param.shape()), param.dtype(), param.device()}, init);
}

bool is_scalar_state(const std::vector<StateDef>& defs, const std::string& name) {
  return name == "step" || std::any_of(defs.begin(), defs.end(), [&](const StateDef& def) {
           return def.scalar && def.name == name;
         });
}

Shape wanted_shape(const std::vector<StateDef>& defs, const std::string& name, const Shape& param) {
  const auto def =
      std::find_if(defs.begin(), defs.end(), [&](const StateDef& d) { return d.name == name; });
  if (name == "step") return {};
  return def == defs.end() ? param : def->shape_for(param).value_or(param);
}

// Gives state that was read from a file to its parameter.
void bind(const std::vector<StateDef>& defs, const std::string& path, Access::Param& state,
          const Tensor& param) {
  for (const auto& [name, t] : state.tensors) {
    const Shape want = wanted_shape(defs, name, param.shape());
    LILITH_CHECK(t.shape() == want, "update: '{}' is {}, its loaded state '{}' is {}.", path,
                 param.aval().str(), name, t.aval().str());
  }
  for (auto& [name, t] : state.tensors) {
    const DType dtype = is_scalar_state(defs, name) ? DType::F64 : param.dtype();
    Tensor value = t;
    if (value.dtype() != dtype) value = value.to(dtype);
    t = value;
  }
  state.bound = true;
}

// Scalars are the host's; the rest lies where the parameter does, also after it has moved.
Device home_of(const std::vector<StateDef>& defs, const std::string& name, const Tensor& param) {
  return is_scalar_state(defs, name) ? cpu() : param.device();
}

bool is_at_home(const std::vector<StateDef>& defs, const Access::Param& state,
                const Tensor& param) {
  return std::ranges::all_of(state.tensors, [&](const auto& entry) {
    return entry.second.device() == home_of(defs, entry.first, param);
  });
}

bool is_complete(const std::vector<StateDef>& defs, const Access::Model& model,
                 const std::string& path, const Tensor& param) {
  const auto at = model.params.find(path);
  return at != model.params.end() && at->second.bound && is_at_home(defs, at->second, param) &&
         std::all_of(defs.begin(), defs.end(), [&](const StateDef& def) {
           return !def.shape_for(param.shape()) || at->second.tensors.count(def.name) != 0;
         });
}

void complete(Optimizer& opt, Access::Model& model, const std::string& path, const Tensor& param) {
  const std::vector<StateDef> defs = Access::defs(opt);
  const auto [at, fresh] = model.params.try_emplace(path);
  Access::Param& state = at->second;
  if (fresh) {
    state.group = Access::group_of(opt, path);
    // Who joins after the others have taken steps counts its own; a rule without state asks for no
    // count.
    if (!defs.empty() &&
        Access::clock(opt, model, static_cast<std::size_t>(state.group)).item<double>() > 0)
      state.tensors["step"] = filled({{}, DType::F64, cpu()}, 0);
  } else if (!state.bound) {
    bind(defs, path, state, param);
  }
  for (const StateDef& def : defs)
    if (def.shape_for(param.shape()) && state.tensors.count(def.name) == 0)
      state.tensors[def.name] = initial(opt, def, state, param);
  if (is_at_home(defs, state, param)) return;
  for (auto& [name, t] : state.tensors) t = Tensor(t).to(home_of(defs, name, param));
}

// Parameters whose group's count goes on in this update, but not theirs.
std::vector<std::string> left_out(const Optimizer& opt, const Access::Model& model,
                                  const std::set<std::string>& paths) {
  if (Access::defs(opt).empty()) return {};
  std::set<std::int64_t> ticking;
  const auto shares_clock = [](const Access::Param& state) {
    return state.tensors.count("step") == 0;
  };
  for (const auto& [path, state] : model.params)
    if (paths.count(path) != 0 && shares_clock(state)) ticking.insert(state.group);
  std::vector<std::string> out;
  for (const auto& [path, state] : model.params)
    if (paths.count(path) == 0 && shares_clock(state) && ticking.count(state.group) != 0)
      out.push_back(path);
  return out;
}

void make_ready(Optimizer& opt, Access::Model& model, const std::vector<Slot>& params,
                const std::set<std::string>& paths) {
  for (const auto& [path, param] : params)
    if (paths.count(path) != 0) complete(opt, model, path, *param);
  for (const std::string& path : left_out(opt, model, paths)) {
    Access::Param& state = model.params.at(path);
    state.tensors["step"] = Access::clock(opt, model, static_cast<std::size_t>(state.group));
  }
}

// Momentum that was given to a rule without it, by its hyper-parameter.
bool wants_momentum(const Optimizer& opt) {
  const auto flag = Access::flags(opt).find("momentum");
  if (flag == Access::flags(opt).end() || flag->second) return false;
  return std::any_of(opt.param_groups().begin(), opt.param_groups().end(), [](const auto& group) {
    return HyperAccess::value(group.hyper.at("momentum")) != 0;
  });
}

std::vector<Seen> seen(const std::vector<Slot>& params) {
  std::vector<Seen> out;
  for (const auto& [path, param] : params) {
    if (!param->defined() || !is_floating(param->dtype())) continue;
    const Tensor before = tracing() ? driver::before_trace(*param) : Tensor();
    out.push_back({path, before.defined() ? before : *param});
  }
  return out;
}

/// The number of the model's state; nothing where it has none yet.
std::optional<std::size_t> state_number(const Optimizer& opt, const UpdateCall& call,
                                        const std::vector<Seen>& params) {
  const auto& models = Access::models(opt);
  const auto first = std::find_if(params.begin(), params.end(),
                                  [&](const Seen& p) { return call.paths.count(p.path) != 0; });
  for (std::size_t k = 0; k < models.size(); ++k) {
    if (call.name.empty()
            ? first != params.end() && is_surely(models[k], call.model.address(), first->value)
            : models[k].name == call.name)
      return k;
  }
  if (!call.name.empty()) return {};
  return find_model(opt, call.model.address(), params, call.settle);
}

// The state of a model that has none: under its name, else under its number.
Access::Model& new_state(Optimizer& opt, const std::string& name) {
  if (!name.empty()) return Access::add(opt, name);
  std::size_t n = Access::models(opt).size();
  while (Access::find(opt, std::to_string(n)) != nullptr) ++n;
  return Access::add(opt, std::to_string(n));
}

/// The model of a program stays the one that it was traced with.
class ModelRule final : public driver::CallRule {
 public:
  ModelRule(std::size_t number, std::string name, std::vector<std::string> paths)
      : number_(number), name_(std::move(name)), paths_(std::move(paths)) {}

  bool accepts(const void* owner, const void* model,
               std::span<Tensor* const> fields) const override {
    const Optimizer& opt = *static_cast<const Optimizer*>(owner);
    const auto& models = Access::models(opt);
    if (number_ >= models.size()) return false;
    if (!name_.empty() || is_surely(models[number_], model, *fields.front())) return true;
    std::vector<Seen> params;
    for (std::size_t i = 0; i < fields.size(); ++i) params.push_back({paths_[i], *fields[i]});
    return find_model(opt, model, params, [] {}) == number_;
  }
  void ran(void* owner, const void* model, std::span<Tensor* const> fields) const override {
    note_update(Access::models(*static_cast<Optimizer*>(owner))[number_], model, fields);
  }

 private:
  std::size_t number_;
  std::string name_;
  std::vector<std::string> paths_;
};

void bind_program(Optimizer& opt, const UpdateCall& call, std::size_t number,
                  const std::vector<Slot>& params) {
  std::vector<std::string> paths;
  std::vector<Tensor*> fields;
  for (const auto& [path, param] : params) {
    if (call.paths.count(path) == 0) continue;
    paths.push_back(path);
    fields.push_back(param);
  }
  driver::bind_calls(&opt, call.model.address(), fields,
                     std::make_shared<ModelRule>(number, call.name, std::move(paths)));
}

}  // namespace

std::vector<Slot> all_slots(ConstModelRef model) {
  SlotVisitor v;
  model.visit(v);
  return std::move(v.all);
}

std::vector<std::size_t> roots_of(const std::vector<Slot>& slots, bool writable) {
  std::vector<Tensor*> tensors;
  for (const auto& [path, param] : slots) tensors.push_back(param);
  return detail::tie_roots(tensors, writable);
}

std::vector<Slot> firsts(const std::vector<Slot>& slots, const std::vector<std::size_t>& roots) {
  std::vector<Slot> out;
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (detail::root_of(roots, i) == i) out.push_back(slots[i]);
  return out;
}

std::vector<Slot> parameter_slots(ConstModelRef model) {
  const std::vector<Slot> all = all_slots(model);
  return firsts(all, roots_of(all, false));
}

void check_trainable(const char* op, const std::string& path, const Tensor& param) {
  LILITH_CHECK(is_floating(param.dtype()),
               "{}: '{}' is {}; only floating-point parameters can be trained. Make it of numbers "
               "with a point (full({{2}}, 1.0)), or declare it a Buffer.",
               op, path, param.aval().str());
}

std::string nearest_path(const std::string& name, const std::vector<std::string>& paths) {
  std::vector<std::string_view> above;
  for (const std::string_view path : paths)
    for (std::size_t end = path.find('.');; end = path.find('.', end + 1)) {
      above.push_back(path.substr(0, end));
      if (end == path.npos) break;
    }
  return nearest_hint(name, above);
}

Access::Model& ready_state(Optimizer& opt, const UpdateCall& call,
                           const std::vector<Slot>& params) {
  const std::vector<Seen> before = seen(params);
  const auto number = state_number(opt, call, before);
  if (number) check_paths(Access::models(opt)[*number], call.paths, before);
  if (!tracing()) {
    if (wants_momentum(opt)) Access::enable_momentum(opt);
    Access::Model& state = number ? Access::models(opt)[*number] : new_state(opt, call.name);
    if (state.latest.empty()) state.address = call.model.address();
    make_ready(opt, state, params, call.paths);
    return state;
  }
  const std::vector<StateDef> defs = Access::defs(opt);
  if (number && !wants_momentum(opt)) {
    Access::Model& state = Access::models(opt)[*number];
    const bool ready =
        left_out(opt, state, call.paths).empty() &&
        std::ranges::all_of(params, [&](const Slot& slot) {
          const auto& [path, param] = slot;
          return call.paths.count(path) == 0 || is_complete(defs, state, path, *param);
        });
    if (ready) {
      if (state.latest.empty()) state.address = call.model.address();
      state.claimed = true;
      bind_program(opt, call, *number, params);
      return state;
    }
  }
  // A trace cannot make state: compile is asked to make it before it traces again.
  UpdateCall later = call;
  later.settle = [] {};
  throw driver::RetraceAfter{
      {&opt, call.model.address()},
      [&opt, later] {
        LocScope scope(later.model.loc(), nullptr);
        ready_state(opt, later, parameter_slots(later.model));
      },
      "update: the optimiser has no state for this model yet, and a traced function cannot make "
      "it; pass both as non-const arguments, or call prepare(model) of the optimiser before."};
}

}  // namespace optim

void Optimizer::prepare(ConstModelRef model) { prepare(model, UpdateOptions()); }

void Optimizer::prepare(ConstModelRef model, const UpdateOptions& options) {
  LocScope scope(model.loc(), nullptr);
  optim::check_selections(*this, optim::all_slots(model));
  const std::vector<optim::Slot> params = optim::parameter_slots(model);
  optim::check_ignored(options.ignore, optim::all_slots(model));
  optim::UpdateCall call{model, options.model, {}, [&] { eval_pending(model); }};
  for (const auto& [path, param] : params) {
    if (!param->defined() || optim::stays(*this, options, path)) continue;
    optim::check_trainable("update", path, *param);
    call.paths.insert(path);
  }
  const auto number = optim::state_number(*this, call, optim::seen(params));
  if (optim::wants_momentum(*this)) OptimizerAccess::enable_momentum(*this);
  OptimizerAccess::Model& state = number ? models_[*number] : optim::new_state(*this, call.name);
  if (state.latest.empty()) state.address = model.address();
  // No parameter is left out: all take part in what is prepared for.
  for (const auto& [path, param] : params)
    if (call.paths.count(path) != 0) optim::complete(*this, state, path, *param);
}

void optim::check_ignored(const std::vector<std::string>& ignore, const std::vector<Slot>& params) {
  std::vector<std::string> paths;
  for (const auto& [path, param] : params) paths.push_back(path);
  for (const std::string& prefix : ignore)
    LILITH_CHECK(std::any_of(paths.begin(), paths.end(),
                             [&](const auto& path) { return covers(prefix, path); }),
                 "update: ignore names '{}', which is no parameter of the model{}.", prefix,
                 nearest_path(prefix, paths));
}

bool optim::stays(const Optimizer& opt, const UpdateOptions& options, const std::string& path) {
  return opt.is_frozen(path) ||
         std::any_of(options.ignore.begin(), options.ignore.end(),
                     [&](const std::string& prefix) { return covers(prefix, path); });
}

void optim::check_selections(const Optimizer& opt, const std::vector<Slot>& params) {
  const auto& groups = opt.param_groups();
  if (groups.size() == 1 && !Access::has_frozen(opt)) return;
  std::vector<std::string> paths;
  for (const auto& [path, param] : params)
    if (param->defined()) paths.push_back(path);
  for (const Access::Model& model : Access::models(opt))
    for (const auto& [path, state] : model.params) paths.push_back(path);
  const auto none = [&](const auto& matches) {
    return std::none_of(paths.begin(), paths.end(), matches);
  };
  for (std::size_t g = 1; g < groups.size(); ++g) {
    if (!none(groups[g].contains)) continue;
    LILITH_CHECK(groups[g].prefix.empty(),
                 "{}: parameter group '{}' matches no parameter of the model{}.", opt.name(),
                 groups[g].prefix, nearest_path(groups[g].prefix, paths));
    fail(
        "{}: the function of parameter group {} accepts no parameter of the model; the first is "
        "'{}'.",
        opt.name(), g, paths.empty() ? "" : paths.front());
  }
  Access::each_frozen(opt, [&](const std::string& prefix, const auto& matches) {
    if (!none(matches)) return;
    LILITH_CHECK(prefix.empty(), "{}: freeze names '{}', which is no parameter of the model{}.",
                 opt.name(), prefix, nearest_path(prefix, paths));
    fail("{}: a function given to freeze accepts no parameter of the model; the first is '{}'.",
         opt.name(), paths.empty() ? "" : paths.front());
  });
}

}  // namespace lilith
