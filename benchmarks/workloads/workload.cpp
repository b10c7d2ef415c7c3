#include "workload.h"

#include <cmath>

namespace lilith::bench {

std::uint64_t Random::bits() {
  std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

float Random::normal() {
  constexpr std::uint64_t kMask = (1u << 21) - 1;
  const std::uint64_t z = bits();
  const auto sum = static_cast<std::int64_t>((z & kMask) + (z >> 21 & kMask) + (z >> 42 & kMask));
  return static_cast<float>(sum - 3 * (1 << 20)) * 0x1p-20f;
}

Tensor Input::make(Random& random) const {
  const auto n = static_cast<std::size_t>(shape.numel());
  if (kind == Kind::Index) {
    std::vector<std::int64_t> values(n);
    for (std::int64_t& v : values)
      v = static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(count));
    return from_data(std::as_const(values).data(), shape);
  }
  std::vector<float> values(n);
  for (float& v : values) {
    if (kind == Kind::Unit)
      v = 0.05f + 0.9f * static_cast<float>(random.bits() >> 40) * 0x1p-24f;
    else
      v = random.normal() * static_cast<float>(scale);
  }
  return from_data(std::as_const(values).data(), shape);
}

Input normal(const Shape& shape) { return {Input::Kind::Normal, shape}; }
Input weight(const Shape& shape) {
  const double length = static_cast<double>(shape.numel()) / static_cast<double>(shape[0]);
  return {Input::Kind::Normal, shape, 1 / std::sqrt(length)};
}
Input unit(const Shape& shape) { return {Input::Kind::Unit, shape}; }
Input below(std::int64_t count, const Shape& shape) {
  return {Input::Kind::Index, shape, 1, count};
}

InputSets make_sets(const std::vector<Input>& inputs) {
  constexpr std::uint64_t kSets = 2;
  std::vector<Tensors> sets;
  for (std::uint64_t seed = 1; seed <= kSets; ++seed) {
    Random random(seed);
    Tensors set;
    for (const Input& input : inputs) set.push_back(input.make(random));
    sets.push_back(std::move(set));
  }
  return std::make_shared<const std::vector<Tensors>>(std::move(sets));
}

Tensor make_cotangent(const Graph& forward) {
  const Shape& shape = forward.outputs().front().shape();
  Random random(3);
  // A loss is not scaled: by chance it could be by almost 0.
  return shape.empty() ? ones(shape) : normal(shape).make(random);
}

void set_weights(ModelRef model) {
  Random random(4);
  for_each_parameter(model, [&](const std::string& path, Tensor& t) {
    const bool is_vector = t.ndim() == 1;
    if (is_vector && path.ends_with("weight")) return;  // a norm's, which starts as 1
    t = Input{Input::Kind::Normal, t.shape(), is_vector ? 0.1 : weight(t.shape()).scale}.make(
        random);
  });
}

Workload::Workload(std::string workload_name, const std::vector<Input>& inputs,
                   Tensor (*f)(const Tensors&), bool differentiable)
    : name(std::move(workload_name)) {
  modes = [=] {
    const InputSets sets = make_sets(inputs);
    std::vector<Mode> all = {{"forward", [sets, forward = compile(f)](std::size_t set) {
                                return Tensors{forward((*sets)[set])};
                              }}};
    if (!differentiable) return all;
    const auto gradient = [f](const Tensors& x, const Tensor& cotangent) {
      auto [loss, gradients] = grad(
          {.allow_unused = true},
          [f](const Tensors& in, const Tensor& ct) { return (f(in) * ct).sum(); }, x, cotangent);
      Tensors results = {loss};
      for (const Tensor& g : gradients) {
        if (g.defined()) results.push_back(g);
      }
      return results;
    };
    const Tensor cotangent = make_cotangent(trace(f, sets->front()));
    all.push_back({"gradient", [=, backward = compile(gradient)](std::size_t set) {
                     return backward((*sets)[set], cotangent);
                   }});
    return all;
  };
}

}  // namespace lilith::bench
