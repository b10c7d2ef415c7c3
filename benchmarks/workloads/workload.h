#pragma once
#include <lilith/compile.h>
#include <lilith/graph_names.h>
#include <lilith/ops.h>
#include <lilith/optim.h>
#include <lilith/transforms.h>

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace lilith::bench {

using Tensors = std::vector<Tensor>;

/// Random numbers that do not depend on the library's own, so that two builds get the same bits.
/// Ref: Steele, Lea, Flood 2014, SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits();
  /// A sum of three uniform numbers: mean 0, variance 1, within ±3.
  float normal();

 private:
  std::uint64_t state_;
};

/// How an input is made.
struct Input {
  enum class Kind : std::uint8_t { Normal, Unit, Index };
  Kind kind;
  Shape shape;
  double scale = 1;  // of Normal
  std::int64_t count = 0;

  Tensor make(Random& random) const;
};
/// f32: mean 0, variance 1.
Input normal(const Shape& shape);
/// f32, for sums over all dimensions but the first: mean 0, variance 1 over their length.
Input weight(const Shape& shape);
/// f32 in [0.05, 0.95): probabilities, variances, what has a logarithm.
Input unit(const Shape& shape);
/// i64 in [0, count).
Input below(std::int64_t count, const Shape& shape);

/// Inputs that calls take in turn.
using InputSets = std::shared_ptr<const std::vector<Tensors>>;
InputSets make_sets(const std::vector<Input>& inputs);
/// What the result is multiplied with, so that its sum has a gradient everywhere.
Tensor make_cotangent(const Graph& forward);
/// Weights that a model starts from, instead of the library's draws.
void set_weights(ModelRef model);

/// A program to time: a call computes all results from one set of inputs.
struct Mode {
  std::string name;
  std::function<Tensors(std::size_t set)> call;
};

/// A name, and what makes its programs when its turn comes.
struct Workload {
  std::string name;
  std::function<std::vector<Mode>()> modes;

  Workload(std::string workload_name, std::function<std::vector<Mode>()> make_modes)
      : name(std::move(workload_name)), modes(std::move(make_modes)) {}
  /// A function of tensors: forward, and the gradients of all floating inputs.
  Workload(std::string workload_name, const std::vector<Input>& inputs, Tensor (*f)(const Tensors&),
           bool differentiable = true);
};

/// A model that is called with the inputs: forward, and the gradients of its parameters and of all
/// floating inputs.
template <class Net>
Workload network(std::string name, const std::vector<Input>& inputs) {
  return {std::move(name), [inputs] {
            const InputSets sets = make_sets(inputs);
            const auto net = std::make_shared<Net>();
            set_weights(*net);
            const auto forward = [](Net& m, const Tensors& x) { return m(x); };
            const auto gradient = [](Net& m, const Tensors& x, const Tensor& cotangent) {
              auto [loss, gradients] = grad<0, 1>(
                  {.allow_unused = true},
                  [](Net& model, const Tensors& in, const Tensor& ct) {
                    return (model(in) * ct).sum();
                  },
                  m, x, cotangent);
              Tensors results = {loss};
              const auto keep = [&](const std::string&, Tensor& g) { results.push_back(g); };
              for_each_parameter(std::get<0>(gradients), keep);
              for_each_parameter(std::get<1>(gradients), keep);
              return results;
            };
            const Tensor cotangent = make_cotangent(trace(forward, *net, sets->front()));
            return std::vector<Mode>{
                {"forward", [=, f = compile(forward)](
                                std::size_t set) { return Tensors{f(*net, (*sets)[set])}; }},
                {"gradient", [=, f = compile(gradient)](std::size_t set) {
                   return f(*net, (*sets)[set], cotangent);
                 }}};
          }};
}

/// A model whose loss(inputs) an optimiser lowers: the step, with the loss before it.
template <class Net, class Optimizer>
Workload training(std::string name, const std::vector<Input>& inputs,
                  std::function<Optimizer()> make_optimizer) {
  return {std::move(name), [inputs, make_optimizer] {
            const InputSets sets = make_sets(inputs);
            const auto net = std::make_shared<Net>();
            const auto optimizer = std::make_shared<Optimizer>(make_optimizer());
            set_weights(*net);
            const auto step = [](Net& m, Optimizer& o, const Tensors& x) {
              auto [loss, gradients] =
                  grad([](Net& model, const Tensors& in) { return model.loss(in); }, m, x);
              update(o, m, std::move(gradients));
              return loss;
            };
            return std::vector<Mode>{{"step", [=, f = compile(step)](std::size_t set) {
                                        return Tensors{f(*net, *optimizer, (*sets)[set])};
                                      }}};
          }};
}

// The tables, each of one kind.
std::vector<Workload> pointwise();
std::vector<Workload> broadcasts();
std::vector<Workload> reductions();
std::vector<Workload> extremes();
std::vector<Workload> normalisations();
std::vector<Workload> losses();
std::vector<Workload> products();
std::vector<Workload> convolutions();
std::vector<Workload> pools();
std::vector<Workload> movements();
std::vector<Workload> pieces();
std::vector<Workload> indices();
std::vector<Workload> orders();
std::vector<Workload> attentions();
std::vector<Workload> recurrences();
std::vector<Workload> networks();
std::vector<Workload> steps();

}  // namespace lilith::bench
