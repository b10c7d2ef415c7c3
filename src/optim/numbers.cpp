#include "optim/numbers.h"

#include "lilith/io.h"
#include "lilith/ops/create.h"

namespace lilith::optim {
namespace {

constexpr const char* kKey = "lilith.scheduler";

}  // namespace

StateDict to_dict(const Numbers& numbers) {
  StateDict out;
  for (const auto& [key, values] : numbers)
    out.emplace(key, from_data(values.data(), {static_cast<std::int64_t>(values.size())}));
  return out;
}

Numbers from_dict(const StateDict& dict, const Numbers& like, const std::string& what) {
  Numbers out;
  for (const auto& [key, values] : like) {
    const auto at = dict.find(key);
    LILITH_CHECK(at != dict.end(), "{}: the state has no '{}'; it is of another scheduler.", what,
                 key);
    const Tensor& t = at->second;
    LILITH_CHECK(t.dtype() == DType::F64 && t.ndim() == 1 &&
                     t.numel() == static_cast<std::int64_t>(values.size()),
                 "{}: '{}' is {} in the state, f64[{}] here.", what, key, t.aval().str(),
                 values.size());
    out[key] = t.to_vector<double>();
  }
  for (const auto& [key, t] : dict)
    LILITH_CHECK(like.count(key) != 0, "{}: the state has '{}'; it is of another scheduler.", what,
                 key);
  return out;
}

void save_numbers(const StateDict& dict, const std::string& name, const std::string& path) {
  TensorDict tensors;
  for (const auto& [key, t] : dict) tensors.add(key, t);
  tensors.metadata[kKey] = name;
  save_tensors(tensors, path);
}

StateDict load_numbers(const std::string& name, const std::string& path) {
  const TensorDict tensors = load_tensors(path);
  const auto at = tensors.metadata.find(kKey);
  LILITH_CHECK(at != tensors.metadata.end(), "load: {} holds no state of a scheduler.", path);
  LILITH_CHECK(at->second == name, "load: {} holds the state of {}; this is {}.", path, at->second,
               name);
  return StateDict(tensors.begin(), tensors.end());
}

std::vector<double> rates(const Optimizer& opt) {
  std::vector<double> out;
  for (const ParamGroup& group : opt.param_groups()) out.push_back(group.hyper.at("lr").value());
  return out;
}

Hyper& cycled_momentum(Optimizer& opt, std::size_t group) {
  HyperMap& hyper = opt.param_groups()[group].hyper;
  if (hyper.contains("momentum")) return hyper["momentum"];
  LILITH_CHECK(hyper.contains("beta1"),
               "LRScheduler: {} has no momentum to cycle; set .cycle_momentum = false.",
               opt.name());
  return hyper["beta1"];
}

}  // namespace lilith::optim
