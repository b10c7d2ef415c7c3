#include "optim/models.h"

#include <algorithm>
#include <numeric>

#include "eval/retrace.h"
#include "lilith/compile.h"

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

// Levenshtein distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, replaced});
    }
  }
  return row.back();
}

Tensor initial(const Optimizer& opt, const StateDef& def, const Access::Param& state,
               const Tensor& param) {
  const ParamGroup& group = opt.param_groups()[static_cast<std::size_t>(state.group)];
  const double init = def.init_hyper.empty() ? def.init : group.hyper.at(def.init_hyper).value();
  return filled(def.scalar ? Aval{{}, DType::F64, param.device()} : param.aval(), init);
}

bool is_scalar_state(const std::vector<StateDef>& defs, const std::string& name) {
  return name == "step" || std::any_of(defs.begin(), defs.end(), [&](const StateDef& def) {
           return def.scalar && def.name == name;
         });
}

// Gives state that was read from a file to its parameter.
void bind(const std::vector<StateDef>& defs, const std::string& path, Access::Param& state,
          const Tensor& param) {
  for (const auto& [name, t] : state.tensors) {
    const Shape want = is_scalar_state(defs, name) ? Shape{} : param.shape();
    LILITH_CHECK(t.shape() == want, "update: '{}' is {}, its loaded state '{}' is {}.", path,
                 param.aval().str(), name, t.aval().str());
  }
  for (auto& [name, t] : state.tensors) {
    const DType dtype = is_scalar_state(defs, name) ? DType::F64 : param.dtype();
    Tensor value = t;
    if (value.dtype() != dtype) value = value.to(dtype);
    if (!(value.device() == param.device())) value = value.to(param.device());
    t = value;
  }
  state.bound = true;
}

bool is_complete(const std::vector<StateDef>& defs, const Access::Model& model,
                 const std::string& path) {
  const auto at = model.params.find(path);
  return at != model.params.end() && at->second.bound &&
         std::all_of(defs.begin(), defs.end(),
                     [&](const StateDef& def) { return at->second.tensors.count(def.name) != 0; });
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
      state.tensors["step"] = filled({{}, DType::F64, param.device()}, 0);
  } else if (!state.bound) {
    bind(defs, path, state, param);
  }
  for (const StateDef& def : defs)
    if (state.tensors.count(def.name) == 0)
      state.tensors[def.name] = initial(opt, def, state, param);
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

Access::Model& state_of(Optimizer& opt, const std::string& name) {
  if (name.empty()) return Access::models(opt).front();
  Access::Model* model = Access::find(opt, name);
  return model != nullptr ? *model : Access::add(opt, name);
}

}  // namespace

std::vector<Slot> parameter_slots(ModelRef model) {
  SlotVisitor v;
  model.visit(v);
  return std::move(v.all);
}

void check_trainable(const char* op, const std::string& path, const Tensor& param) {
  LILITH_CHECK(is_floating(param.dtype()),
               "{}: '{}' is {}; only floating-point parameters can be trained. Make it of numbers "
               "with a point (full({{2}}, 1.0)), or declare it a Buffer.",
               op, path, param.aval().str());
}

std::string nearest_hint(const std::string& name, const std::vector<std::string>& paths) {
  std::string best;
  std::size_t least = SIZE_MAX;
  for (const std::string& path : paths) {
    for (std::size_t end = path.find('.');; end = path.find('.', end + 1)) {
      const std::string above = path.substr(0, end);
      const std::size_t distance = edit_distance(above, name);
      // As far as its length: it has nothing in common with the name.
      if (distance < least && distance < std::max(above.size(), name.size())) {
        least = distance;
        best = above;
      }
      if (end == path.npos) break;
    }
  }
  return best.empty() ? "" : fmt::format("; the nearest is '{}'", best);
}

Access::Model& ready_state(Optimizer& opt, ModelRef model, const std::vector<Slot>& params,
                           const std::set<std::string>& paths, const std::string& name) {
  if (!tracing()) {
    if (wants_momentum(opt)) Access::enable_momentum(opt);
    Access::Model& state = state_of(opt, name);
    make_ready(opt, state, params, paths);
    return state;
  }
  Access::Model* state = name.empty() ? &Access::models(opt).front() : Access::find(opt, name);
  const std::vector<StateDef> defs = Access::defs(opt);
  const bool ready =
      state != nullptr && !wants_momentum(opt) && left_out(opt, *state, paths).empty() &&
      std::all_of(paths.begin(), paths.end(),
                  [&](const std::string& path) { return is_complete(defs, *state, path); });
  if (ready) return *state;
  // A trace cannot make state: compile is asked to make it before it traces again.
  throw driver::RetraceAfter{
      {&opt, model.address()},
      [&opt, model, paths, name] {
        LocScope scope(model.loc(), nullptr);
        ready_state(opt, model, parameter_slots(model), paths, name);
      },
      "update: the optimiser has no state for this model yet, and a traced function cannot make "
      "it; pass both as non-const arguments, or call prepare(model) of the optimiser before."};
}

}  // namespace optim

void Optimizer::prepare(ModelRef model, const std::string& name) {
  LocScope scope(model.loc(), nullptr);
  std::vector<optim::Slot> params = optim::parameter_slots(model);
  optim::check_selections(*this, params);
  std::set<std::string> paths;
  for (const auto& [path, param] : params) {
    if (!param->defined() || is_frozen(path)) continue;
    optim::check_trainable("update", path, *param);
    paths.insert(path);
  }
  // Every parameter takes part in what is prepared for: none is left out.
  if (optim::wants_momentum(*this)) OptimizerAccess::enable_momentum(*this);
  OptimizerAccess::Model& state = optim::state_of(*this, name);
  for (const auto& [path, param] : params)
    if (paths.count(path) != 0) optim::complete(*this, state, path, *param);
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
                 groups[g].prefix, nearest_hint(groups[g].prefix, paths));
    fail(
        "{}: the function of parameter group {} accepts no parameter of the model; the first is "
        "'{}'.",
        opt.name(), g, paths.empty() ? "" : paths.front());
  }
  Access::each_frozen(opt, [&](const std::string& prefix, const auto& matches) {
    if (!none(matches)) return;
    LILITH_CHECK(prefix.empty(), "{}: freeze names '{}', which is no parameter of the model{}.",
                 opt.name(), prefix, nearest_hint(prefix, paths));
    fail("{}: a function given to freeze accepts no parameter of the model; the first is '{}'.",
         opt.name(), paths.empty() ? "" : paths.front());
  });
}

}  // namespace lilith
