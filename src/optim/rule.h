#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lilith/optim/optimizer.h"

namespace lilith::optim {

/// The scalars of one update that parameters share: hyper-parameters, step counts and what rules
/// derive from them, each a 0-d f64 tensor, and their casts. Made once, so that they are computed
/// once.
class Scalars {
 public:
  template <class F>
  Tensor get(const std::string& key, F make) {
    auto it = values_.find(key);
    if (it == values_.end()) it = values_.emplace(key, make()).first;
    return it->second;
  }

 private:
  std::map<std::string, Tensor> values_;
};

/// What a rule sees of one parameter: it assigns `param` and the state.
struct Step {
  Tensor& param;
  Tensor grad;  // param's dtype
  const HyperMap& hypers;
  const std::map<std::string, bool>& flags;
  std::map<std::string, Buffer>& tensors;
  Tensor count;       // f64 []: this update's number, from 1
  std::string clock;  // names the count among the scalars
  std::size_t group;
  Scalars& scalars;

  bool flag(const char* name) const { return flags.at(name); }
  Buffer& state(const char* name) { return tensors.at(name); }
  /// A hyper-parameter as f64 [].
  Tensor hyper(const std::string& name) {
    return scalars.get(std::to_string(group) + '.' + name,
                       [&] { return hypers.at(name).tensor(); });
  }
  /// A scalar that is derived from hyper-parameters and the count, cast to param's dtype.
  template <class F>
  Tensor derived(const std::string& name, F make) {
    const std::string key = clock + ':' + std::string(lilith::name(param.dtype())) + '@' +
                            param.device().str() + ':' + name;
    return scalars.get(key, [&] {
      const Tensor value = Tensor(make()).to(param.dtype());
      return value.device() == param.device() ? value : value.to(param.device());
    });
  }
  /// A hyper-parameter in param's dtype.
  Tensor value(const std::string& name) {
    return derived(name, [&] { return hyper(name); });
  }
};

/// A state tensor: of the parameter's shape, or a 0-d f64.
struct StateDef {
  std::string name;
  bool scalar = false;
  std::string init_hyper = {};  // starts as this hyper-parameter's value, else as `init`
  double init = 0;
  /// Of another shape than the parameter's; none: a parameter of that shape has no such state.
  std::optional<Shape> (*shape)(const Shape& param) = nullptr;

  std::optional<Shape> shape_for(const Shape& param) const {
    if (scalar) return Shape{};
    return shape == nullptr ? param : shape(param);
  }
};

/// An algorithm: its state for these flags, and one step. Static: optimisers point to it.
struct Rule {
  std::string name;
  std::vector<StateDef> (*state)(const std::map<std::string, bool>& flags);
  void (*step)(Step& s);
};

/// Whether a hyper-parameter may have this value. Error when not.
void check_hyper(const std::string& rule, const std::string& name, double value);
/// The paths that a prefix covers: itself, and what lies below.
bool covers(const std::string& prefix, const std::string& path);
/// A tensor in memory, not a constant of the graph, filled with `value`.
Tensor filled(const Aval& aval, double value);

}  // namespace lilith::optim
