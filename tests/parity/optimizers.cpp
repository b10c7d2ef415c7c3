#include "parity/optimizers.h"

#include <cmath>
#include <fstream>
#include <optional>
#include <set>

#include "lilith/compile.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "parity/bind.h"

namespace lilith::parity {
namespace {

/// The golden network: Linear(2,3)-Sigmoid-Linear(3,1)-Sigmoid in f64.
struct Net {
  Linear a{2, 3, {.dtype = DType::F64}};
  Linear b{3, 1, {.dtype = DType::F64}};
  Tensor operator()(const Tensor& x) const { return sigmoid(b(sigmoid(a(x)))); }
};
const auto loss_of = [](const Net& m, const Tensor& x) { return sum(m(x)); };

/// Keyword arguments that are read once each; what is left over is a form that Lilith lacks.
class Keywords {
 public:
  explicit Keywords(const Json& given) : given_(given) {}

  void set(Real* value, const char* name) {
    if (const Json* v = find(name)) *value = v->get<double>();
  }
  void set(Int* value, const char* name) {
    if (const Json* v = find(name)) *value = v->get<std::int64_t>();
  }
  void set(bool* value, const char* name) {
    if (const Json* v = find(name)) *value = v->get<bool>();
  }
  template <std::size_t N>
  void set(std::array<double, N>* value, const char* name) {
    if (const Json* v = find(name)) *value = v->get<std::array<double, N>>();
  }
  std::string text(const char* name, const char* otherwise) {
    const Json* v = find(name);
    return v != nullptr ? v->get<std::string>() : otherwise;
  }
  bool has(const char* name) { return find(name) != nullptr; }
  const Json* pair(const char* name) { return find(name); }
  void check_all_read() const {
    for (const auto& [name, value] : given_.items())
      if (!seen_.contains(name) && !value.is_null() && value != Json(false))
        throw Unsupported("no option " + name);
  }

 private:
  const Json* find(const char* name) {
    seen_.insert(name);
    const auto it = given_.find(name);
    return it == given_.end() || it->is_null() ? nullptr : &it.value();
  }
  const Json& given_;
  // What says how PyTorch computes, not what, counts as read.
  std::set<std::string> seen_ = {"foreach", "fused", "capturable", "differentiable"};
};

template <class O>
void set_common(O& o, Keywords& k) {
  k.set(&o.lr, "lr");
  k.set(&o.weight_decay, "weight_decay");
  k.set(&o.maximize, "maximize");
  if constexpr (requires { o.betas; }) k.set(&o.betas, "betas");
  if constexpr (requires { o.eps; }) k.set(&o.eps, "eps");
  if constexpr (requires { o.amsgrad; }) k.set(&o.amsgrad, "amsgrad");
  if constexpr (requires { o.momentum; }) k.set(&o.momentum, "momentum");
}

template <class Optim, class O, class F>
Optimizer made(Keywords& k, F others) {
  O o;
  set_common(o, k);
  others(o);
  k.check_all_read();
  return Optim(o);
}
template <class Optim, class O>
Optimizer made(Keywords& k) {
  return made<Optim, O>(k, [](O&) {});
}

std::optional<Optimizer> make_optimizer(const std::string& name, Keywords& k) {
  if (name == "SGD")
    return made<SGD, SGDOptions>(k, [&](SGDOptions& o) {
      k.set(&o.dampening, "dampening");
      k.set(&o.nesterov, "nesterov");
    });
  if (name == "Adam") return made<Adam, AdamOptions>(k);
  if (name == "AdamW") return made<AdamW, AdamWOptions>(k);
  if (name == "Adamax") return made<Adamax, AdamaxOptions>(k);
  if (name == "RAdam") return made<RAdam, RAdamOptions>(k);
  if (name == "NAdam")
    return made<NAdam, NAdamOptions>(
        k, [&](NAdamOptions& o) { k.set(&o.momentum_decay, "momentum_decay"); });
  if (name == "Adagrad")
    return made<Adagrad, AdagradOptions>(k, [&](AdagradOptions& o) {
      k.set(&o.lr_decay, "lr_decay");
      k.set(&o.initial_accumulator_value, "initial_accumulator_value");
    });
  if (name == "Adadelta")
    return made<Adadelta, AdadeltaOptions>(k, [&](AdadeltaOptions& o) { k.set(&o.rho, "rho"); });
  if (name == "RMSprop")
    return made<RMSprop, RMSpropOptions>(k, [&](RMSpropOptions& o) {
      k.set(&o.alpha, "alpha");
      k.set(&o.centered, "centered");
    });
  if (name == "ASGD")
    return made<ASGD, ASGDOptions>(k, [&](ASGDOptions& o) {
      k.set(&o.lambd, "lambd");
      k.set(&o.alpha, "alpha");
      k.set(&o.t0, "t0");
    });
  if (name == "Adafactor")
    return made<Adafactor, AdafactorOptions>(k, [&](AdafactorOptions& o) {
      k.set(&o.beta2_decay, "beta2_decay");
      k.set(&o.d, "d");
      if (const Json* eps = k.pair("eps")) {
        if (!(*eps)[0].is_null()) o.eps1 = (*eps)[0].get<double>();
        o.eps2 = (*eps)[1].get<double>();
      }
    });
  if (name == "Rprop") {
    RpropOptions o;
    k.set(&o.lr, "lr");
    k.set(&o.etas, "etas");
    k.set(&o.step_sizes, "step_sizes");
    k.set(&o.maximize, "maximize");
    k.check_all_read();
    return Rprop(o);
  }
  return {};
}

LBFGS make_lbfgs(Keywords& k) {
  LBFGSOptions o;
  k.set(&o.lr, "lr");
  k.set(&o.max_iter, "max_iter");
  k.set(&o.tolerance_grad, "tolerance_grad");
  k.set(&o.tolerance_change, "tolerance_change");
  k.set(&o.history_size, "history_size");
  if (k.has("max_eval")) {
    Int most = 0;
    k.set(&most, "max_eval");
    o.max_eval = most;
  }
  const std::string search = k.text("line_search_fn", "");
  o.line_search_fn = search;
  k.check_all_read();
  return LBFGS(o);
}

Tensor leaf(const Json& values, const Shape& shape) {
  const auto v = values.get<std::vector<double>>();
  return from_data(v.data(), shape);
}

Net initial(const Json& init) {
  Net net;
  net.a.weight = leaf(init[0], {3, 2});
  net.a.bias = leaf(init[1], {3});
  net.b.weight = leaf(init[2], {1, 3});
  net.b.bias = leaf(init[3], {1});
  return net;
}

Tensor input_of(const Json& golden) {
  std::vector<double> flat;
  for (const Json& row : golden["input"])
    for (const Json& v : row) flat.push_back(v.get<double>());
  return from_data(flat.data(), {static_cast<std::int64_t>(golden["input"].size()), 2});
}

/// What differs; empty when nothing does.
std::string difference(const Net& net, const Json& want, bool in_f32) {
  const double absolute = in_f32 ? 1e-6 : 1e-9, relative = in_f32 ? 1e-5 : 1e-7;
  std::string text;
  std::size_t p = 0;
  for_each_parameter(net, [&](const std::string& path, const Tensor& t) {
    const auto got = t.to_vector<double>();
    for (std::size_t i = 0; i < got.size() && text.empty(); ++i) {
      const double w = want[p][i].get<double>();
      if (!(std::abs(got[i] - w) <= absolute + relative * std::abs(w)))  // a NaN too
        text = fmt::format("{}[{}] is {:.12g}, expected {:.12g}", path, i, got[i], w);
    }
    ++p;
  });
  return text;
}

/// Steps, and a look after each that is stored.
template <class Step>
std::string follow(const Json& run, bool old, Net& net, Step step) {
  const Json& stored = run["after_step"];
  if (stored.empty()) return "no step is stored";
  // PyTorch 1 keeps ASGD's rate in f32.
  const bool in_f32 = old && run["optimizer"] == "ASGD";
  std::int64_t last = 0;
  for (const auto& [key, value] : stored.items())
    last = std::max<std::int64_t>(last, std::stoll(key));
  for (std::int64_t k = 0; k <= last; ++k) {
    step();
    const auto it = stored.find(std::to_string(k));
    if (it == stored.end()) continue;
    if (const std::string text = difference(net, *it, in_f32); !text.empty())
      return fmt::format("step {}: {}", k, text);
  }
  return "";
}

bool is_old(const Json& golden) {
  return golden.value("producer", "").find(" 1.") != std::string::npos;
}

/// Step by step, then by a compiled step.
std::string outcome(const Json& run, const Json& golden) {
  const Tensor x = input_of(golden);
  const bool old = is_old(golden);
  const std::string name = run["optimizer"];
  Keywords keywords(run["kwargs"]);
  Net net = initial(golden["init"]);
  if (name == "LBFGS") {
    LBFGS lbfgs = make_lbfgs(keywords);
    return follow(run, old, net, [&] { lbfgs.step(loss_of, net, x); });
  }
  auto optimizer = make_optimizer(name, keywords);
  if (!optimizer) throw Unsupported("no optimiser " + name);
  if (run.contains("groups"))
    for (const auto& [prefix, own] : run["groups"].items())
      optimizer->add_param_group(prefix, own.get<std::map<std::string, double>>());
  Optimizer fresh = *optimizer;
  const std::string text = follow(run, old, net, [&] {
    auto [loss, g] = grad(loss_of, net, x);
    update(*optimizer, net, std::move(g));
  });
  if (!text.empty()) return text;
  const auto compiled = compile([](Net& m, Optimizer& o, const Tensor& in) {
    auto [loss, g] = grad(loss_of, m, in);
    update(o, m, g);
    return loss;
  });
  Net second = initial(golden["init"]);
  std::optional<std::int64_t> traces;  // after the first step
  const std::string differs = follow(run, old, second, [&] {
    compiled(second, fresh, x);
    if (!traces) traces = cache_stats().traces;
  });
  if (differs.empty() && cache_stats().traces > *traces) return "the compiled step is traced again";
  return differs;
}

}  // namespace

Json training_runs(const std::string& path) {
  const Json all = Json::parse(std::ifstream(path));
  return all.is_object() ? all["runs"] : all;
}

std::string name_of_run(const Json& run) {
  return run.contains("optimizer") ? "optim." + run["optimizer"].get<std::string>()
                                   : "lr_scheduler." + run["scheduler"].get<std::string>();
}

namespace {
std::string described(const Json& run) {
  return run["kwargs"].dump() + (run.contains("groups") ? " " + run["groups"].dump() : "");
}
}  // namespace

Count count_runs(const Json& runs, const std::string& name,
                 const std::function<std::string(const Json& run)>& outcome) {
  Count count;
  for (const Json& run : runs) {
    if (name_of_run(run) != name) continue;
    std::string text;
    try {
      text = outcome(run);
    } catch (const Unsupported& e) {
      ++count.unsupported;
      if (count.failed == 0) count.reason = described(run) + ": " + e.what();
      continue;
    } catch (const std::exception& e) {
      text = e.what();
    }
    if (text.empty())
      ++count.passed;
    else if (count.failed++ == 0)
      count.reason = described(run) + ": " + text;
  }
  return count;
}

Count run_optimizers(const std::string& path, const std::string& name) {
  const Json golden = Json::parse(std::ifstream(path));
  // https://github.com/pytorch/pytorch/pull/88934: until then mu was taken into account twice.
  return count_runs(golden["runs"], name, [&](const Json& run) {
    if (name == "optim.NAdam" && is_old(golden))
      throw Unsupported("the producer's NAdam counts its momentum twice");
    return outcome(run, golden);
  });
}

}  // namespace lilith::parity
