// Optimisers as dicts and files.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/quote.h"
#include "lilith/io.h"
#include "optim/access.h"
#include "optim/state_keys.h"

namespace lilith {

StateDict Optimizer::state_dict() const { return lilith::state_dict(*this); }
void Optimizer::load_state_dict(const StateDict& dict, SourceLocation loc) {
  lilith::load_state_dict(*this, dict, {}, loc);
}
namespace {

using Json = nlohmann::json;
using Access = OptimizerAccess;

constexpr const char* kKey = "lilith.optimizer";
constexpr int kVersion = 1;

/// What a dict says of one group, and of one model.
struct GroupPart {
  std::map<std::string, double> hyper;
  std::optional<double> initial_lr;
  Tensor step;
};
struct ModelPart {
  std::map<std::size_t, Tensor> steps;
  std::map<std::string, std::map<std::string, Tensor>> params;
};

/// A dict, sorted into groups and models.
struct Parts {
  std::map<std::size_t, GroupPart> groups;
  std::map<std::string, ModelPart> models;
  std::vector<std::string> unknown;

  explicit Parts(const StateDict& dict) {
    for (const auto& [key, t] : dict)
      if (!read(key, t))
        unknown.push_back(fmt::format("{}: {}, unexpected", escaped(key), t.aval().str()));
  }

 private:
  static bool take(std::string_view& key, std::string_view prefix) {
    if (!key.starts_with(prefix)) return false;
    key.remove_prefix(prefix.size());
    return true;
  }
  // "12.rest" to 12 and "rest".
  static std::optional<std::size_t> take_number(std::string_view& key) {
    std::size_t n = 0, digits = 0;
    for (; digits < key.size() && digits < 9 && key[digits] >= '0' && key[digits] <= '9'; ++digits)
      n = n * 10 + static_cast<std::size_t>(key[digits] - '0');
    if (digits == 0) return {};
    key.remove_prefix(digits);
    if (!key.empty() && !take(key, ".")) return {};
    return n;
  }
  bool read(std::string_view key, const Tensor& t) {
    if (take(key, "groups.")) return read_group(key, t);
    if (take(key, "state.")) return read_param(models["0"], key, t);
    if (!take(key, "models.")) return false;
    const std::size_t dot = key.find('.');
    if (dot == key.npos) return false;
    ModelPart& model = models[std::string(key.substr(0, dot))];
    key.remove_prefix(dot + 1);
    if (take(key, "state.")) return read_param(model, key, t);
    if (!take(key, "steps.") || t.numel() != 1) return false;
    const auto g = take_number(key);
    if (!g || !key.empty()) return false;
    model.steps[*g] = t;
    return true;
  }
  bool read_group(std::string_view key, const Tensor& t) {
    const auto g = take_number(key);
    if (!g || key.empty() || t.numel() != 1) return false;
    GroupPart& group = groups[*g];
    if (key == "step")
      group.step = t;
    else if (key == "initial_lr")
      group.initial_lr = t.item<double>();
    else
      group.hyper[std::string(key)] = t.item<double>();
    return true;
  }
  static bool read_param(ModelPart& model, std::string_view key, const Tensor& t) {
    const std::size_t dot = key.rfind('.');
    const bool nested = dot != key.npos;
    const auto path = nested ? key.substr(0, dot) : std::string_view();
    model.params[std::string(path)][std::string(nested ? key.substr(dot + 1) : key)] = t;
    return true;
  }
};

Tensor like(const Tensor& value, const Tensor& model) {
  Tensor out = value;
  if (out.dtype() != model.dtype()) out = out.to(model.dtype());
  if (!(out.device() == model.device())) out = out.to(model.device());
  return out;
}

/// Puts the parts into an optimiser, and lists what does not fit.
class Loader {
 public:
  Loader(Optimizer& opt, const Parts& parts, const LoadOptions& options)
      : opt_(opt),
        parts_(parts),
        strict_(options.strict),
        ignore_misshapen_(options.ignore_misshapen) {
    for (const auto& def : Access::defs(opt)) {
      names_.push_back(def.name);
      if (def.shape != nullptr) optional_.push_back(def.name);
    }
    names_.push_back("step");
  }

  /// What keeps the state from being loaded.
  std::vector<std::string> run() {
    for (const std::string& unknown : parts_.unknown) one_sided(unknown);
    load_groups();
    for (const auto& [name, part] : parts_.models) {
      Access::Model* model = Access::find(opt_, name);
      load_model(model != nullptr ? *model : Access::add(opt_, name), part);
    }
    if (!strict_) {
      if (problems_.empty() && !loaded_)
        problems_.push_back("nothing is loaded: no key is of what this optimiser has");
      return problems_;
    }
    for (const Access::Model& model : Access::models(opt_))
      if (parts_.models.count(model.name) == 0)
        for (const auto& [path, state] : model.params)
          if (state.bound) missing(model, path);
    return problems_;
  }

 private:
  static std::string key(const Access::Model& model, const std::string& path,
                         const std::string& name) {
    const std::string below = escaped((path.empty() ? "" : path + ".") + name);
    return model.name == "0" ? "state." + below : "models." + model.name + ".state." + below;
  }
  // A key that the dict or the optimiser lacks.
  void one_sided(std::string problem) {
    if (strict_) problems_.push_back(std::move(problem));
  }
  void missing(const Access::Model& model, const std::string& path) {
    if (names_.size() == 1) return;  // a rule without state leaves nothing in a dict
    problems_.push_back(key(model, path, "*") + ": missing");
  }

  void load_groups() {
    auto& groups = opt_.param_groups();
    if (!strict_ && parts_.groups.empty()) return;
    if (parts_.groups.size() != groups.size()) {
      problems_.push_back(fmt::format("parameter groups: {} given, the optimiser has {}",
                                      parts_.groups.size(), groups.size()));
      return;
    }
    for (const auto& [g, part] : parts_.groups) {
      if (g >= groups.size()) {
        problems_.push_back(fmt::format("groups.{}: unexpected", g));
        continue;
      }
      for (const auto& [name, value] : part.hyper) {
        if (groups[g].hyper.contains(name))
          groups[g].hyper[name] = value;
        else
          one_sided(
              fmt::format("groups.{}.{}: {} has no such number", g, escaped(name), opt_.name()));
      }
      loaded_ = true;
      if (part.initial_lr) groups[g].initial_lr = part.initial_lr;
      if (part.step.defined()) groups[g].step = like(part.step, groups[g].step);
    }
  }

  void load_model(Access::Model& model, const ModelPart& part) {
    const bool known = std::any_of(model.params.begin(), model.params.end(),
                                   [](const auto& p) { return p.second.bound; });
    for (const auto& [g, step] : part.steps)
      if (g < model.steps.size()) model.steps[g] = like(step, model.steps[g]);
    for (const auto& [path, tensors] : part.params) {
      if (known && model.params.count(path) == 0) {
        one_sided(key(model, path, "*") + ": unexpected");
        continue;
      }
      const auto [at, fresh] = model.params.try_emplace(path);
      if (fresh) {
        at->second.bound = false;
        at->second.group = Access::group_of(opt_, path);
      }
      load_param(model, path, at->second, tensors);
    }
    if (!strict_) return;
    for (const auto& [path, state] : model.params)
      if (state.bound && part.params.count(path) == 0) missing(model, path);
  }

  void load_param(const Access::Model& model, const std::string& path, Access::Param& state,
                  const std::map<std::string, Tensor>& tensors) {
    if (ignore_misshapen_ && state.bound && misshapen(state, tensors)) return;
    loaded_ = true;
    if (tensors.count("step") == 0) state.tensors.erase("step");
    // Momentum may have been given to a rule that had none when its state was saved.
    for (const std::string& name : names_)
      if (strict_ && name != "step" && name != "momentum_buffer" && tensors.count(name) == 0 &&
          std::find(optional_.begin(), optional_.end(), name) == optional_.end())
        problems_.push_back(key(model, path, name) + ": missing");
    for (const auto& [name, t] : tensors) {
      if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
        one_sided(fmt::format("{}: {} has no such state", key(model, path, name), opt_.name()));
        continue;
      }
      const auto old = state.tensors.find(name);
      if (old == state.tensors.end() || !state.bound) {
        state.tensors[name] = t;
      } else if (!(old->second.shape() == t.shape())) {
        problems_.push_back(fmt::format("{}: {} given, {} here", key(model, path, name),
                                        t.aval().str(), old->second.aval().str()));
      } else {
        old->second = like(t, old->second);
      }
    }
  }

  static bool misshapen(const Access::Param& state, const std::map<std::string, Tensor>& tensors) {
    return std::any_of(tensors.begin(), tensors.end(), [&](const auto& given) {
      const auto old = state.tensors.find(given.first);
      return old != state.tensors.end() && !(old->second.shape() == given.second.shape());
    });
  }

  Optimizer& opt_;
  const Parts& parts_;
  bool strict_, ignore_misshapen_, loaded_ = false;
  std::vector<std::string> problems_, names_, optional_;  // state that not every parameter has
};

std::string op_of(const LoadOptions& options) {
  return options.source.empty() ? "load_state_dict" : "load: " + escaped(options.source, 200);
}

/// `dict` is renamed.
void load_parts(Optimizer& opt, Optimizer changed, const StateDict& dict,
                const LoadOptions& options) {
  const Parts parts(dict);
  const std::vector<std::string> problems = Loader(changed, parts, options).run();
  std::string list;
  for (const std::string& p : problems) list += "\n  " + p;
  LILITH_CHECK(problems.empty(), "{}: the state does not fit this {}:{}", op_of(options),
               opt.name(), list);
  opt = std::move(changed);
}

Json describe(const Optimizer& opt) {
  Json groups = Json::array(), models = Json::array();
  for (const ParamGroup& group : opt.param_groups())
    groups.push_back(group.prefix.empty() ? Json::object() : Json{{"prefix", group.prefix}});
  for (const auto& model : Access::models(opt)) models.push_back(model.name);
  return {{"version", kVersion}, {"name", opt.name()}, {"flags", Access::flags(opt)},
          {"groups", groups},    {"models", models},   {"fit_epochs", opt.fit_epochs()}};
}

std::vector<std::string> prefixes_of(const Json& groups) {
  std::vector<std::string> out;
  for (const Json& group : groups) out.push_back(group.value("prefix", ""));
  return out;
}

// Groups made by prefix that the optimiser lacks; what it has must be the file's.
void match_groups(Optimizer& opt, const std::vector<std::string>& prefixes,
                  const std::string& source) {
  for (std::size_t g = 1; g < prefixes.size(); ++g) {
    const std::string& prefix = prefixes[g];
    if (g < opt.param_groups().size()) {
      const std::string& here = opt.param_groups()[g].prefix;
      LILITH_CHECK(here == prefix || here.empty() || prefix.empty(),
                   "load: parameter group {} is '{}' in {}, '{}' here.", g, escaped(prefix), source,
                   here);
      continue;
    }
    LILITH_CHECK(!prefix.empty(),
                 "load: parameter group {} in {} was made by a function, which a file cannot hold; "
                 "call add_param_group before.",
                 g, source);
    opt.add_param_group(prefix, {});
  }
}

void match_flags(Optimizer& opt, const Json& flags, const std::string& source) {
  for (const auto& [name, here] : Access::flags(opt)) {
    const bool saved = flags.value(name, here);
    if (name == "momentum") {
      if (saved) Access::enable_momentum(opt);
      continue;
    }
    LILITH_CHECK(saved == here, "load: {} holds {} with {} = {}; this one has {}.", source,
                 opt.name(), name, saved, here);
  }
}

void match(Optimizer& opt, const Json& j, const std::vector<std::string>& group_prefixes,
           const std::string& source) {
  LILITH_CHECK(j.at("version") == kVersion,
               "load: {} holds an optimiser of version {}; this Lilith reads {}.", source,
               j.at("version").dump(), kVersion);
  LILITH_CHECK(j.at("name") == opt.name(), "load: {} holds {}; this is {}.", source,
               escaped(j.at("name").get<std::string>()), opt.name());
  match_flags(opt, j.at("flags"), source);
  match_groups(opt, group_prefixes, source);
  opt.set_fit_epochs(j.value("fit_epochs", std::int64_t{0}));
  // In their order, by which models that have no name of their own find their state.
  for (const Json& name : j.at("models"))
    if (Access::find(opt, name.get<std::string>()) == nullptr)
      Access::add(opt, name.get<std::string>());
}

}  // namespace

StateDict state_dict(const Optimizer& opt) {
  StateDict out = state_dict(ConstModelRef(opt));
  for (std::size_t g = 0; g < opt.param_groups().size(); ++g) {
    const ParamGroup& group = opt.param_groups()[g];
    const auto put = [&](const std::string& name, double value) {
      out.emplace(fmt::format("groups.{}.{}", g, name),
                  optim::filled({{}, DType::F64, cpu()}, value));
    };
    for (const auto& [name, h] : group.hyper) put(name, h.value());
    if (group.initial_lr) put("initial_lr", *group.initial_lr);
  }
  return out;
}

void load_state_dict(Optimizer& opt, const StateDict& dict, LoadOptions options,
                     SourceLocation loc) {
  LocScope scope(loc, nullptr);
  load_parts(opt, opt, optim::renamed_state(dict, {}, options, op_of(options)).dict, options);
}

std::string optim::describe(const Optimizer& opt) { return lilith::describe(opt).dump(); }

void optim::load_described(Optimizer& opt, const StateDict& dict, const std::string& description,
                           const LoadOptions& options) {
  const std::string source = escaped(options.source, 200);
  Optimizer changed = opt;
  RenamedState state;
  try {
    const Json j = description.empty() ? Json() : Json::parse(description);
    const auto prefixes = j.is_null() ? std::vector<std::string>() : prefixes_of(j.at("groups"));
    state = renamed_state(dict, prefixes, options, op_of(options));
    if (!j.is_null()) match(changed, j, state.group_prefixes, source);
  } catch (const Json::exception& e) {
    fail("load: {}: the description of the optimiser is broken: {}", source, escaped(e.what()));
  }
  load_parts(opt, std::move(changed), state.dict, options);
}

void save(const Optimizer& opt, const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  TensorDict tensors;
  for (auto& [key, value] : state_dict(opt)) tensors.add(key, value);
  tensors.metadata["format"] = "pt";
  tensors.metadata[kKey] = optim::describe(opt);
  save_tensors(tensors, path, loc);
}

void load(Optimizer& opt, const std::string& path, LoadOptions options, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  const TensorDict tensors = load_tensors(path, loc);
  if (options.source.empty()) options.source = path.substr(path.find_last_of('/') + 1);
  const auto it = tensors.metadata.find(kKey);
  optim::load_described(opt, StateDict(tensors.begin(), tensors.end()),
                        it == tensors.metadata.end() ? "" : it->second, options);
}

}  // namespace lilith
