#pragma once
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "ir/node.h"
#include "ir/reference.h"
#include "lilith/ops.h"
#include "transforms/vjp.h"

namespace lilith::testing {

/// A random small network with its loss and the gradients of its weights and input: convolutions,
/// pooling, normalisation, dense layers, softmax and pointwise functions in a random order. At
/// times the batch is empty or the images are of one pixel.
class RandomNet {
 public:
  RandomNet(std::uint64_t seed, DType dtype) : rng_(seed), dtype_(dtype) {}

  std::vector<Tensor> params, outputs;
  std::vector<RefTensor> values;  // of params

  /// Fills the above. Error when a layer does not take what the one before gave.
  void make() {
    ++ir::trace_depth();  // numbers are constants
    try {
      build();
    } catch (...) {
      --ir::trace_depth();
      throw;
    }
    --ir::trace_depth();
  }

 private:
  using Ints = std::vector<std::int64_t>;

  std::int64_t pick(std::int64_t lo, std::int64_t hi) {
    return std::uniform_int_distribution<std::int64_t>(lo, hi)(rng_);
  }
  bool once_in(std::int64_t n) { return pick(1, n) == 1; }

  /// A parameter of normal values with that standard deviation.
  Tensor weight(const Shape& shape, double scale) {
    const auto i = static_cast<std::int64_t>(params.size());
    params.push_back(
        ir::make_parameter({.shape = shape, .dtype = dtype_}, i, "x" + std::to_string(i)));
    values.emplace_back(params.back().aval());
    std::normal_distribution<double> normal(0, scale);
    for (double& v : values.back().f) v = static_cast<float>(normal(rng_));
    return params.back();
  }
  Tensor bias(std::int64_t n) { return once_in(4) ? Tensor() : weight({n}, 0.3); }

  void build() {
    const std::int64_t n = once_in(12) ? 0 : pick(1, 4), c = pick(1, 5), h = pick(1, 10);
    Tensor x = weight({n, c, h, once_in(3) ? pick(1, 10) : h}, 1);
    for (std::int64_t layers = pick(2, 6); layers > 0; --layers) {
      const Tensor y = image_layer(x);
      if (y.numel() <= 3000) x = y;
      if (once_in(5)) outputs.push_back(x);
    }
    x = once_in(3) ? x.mean({2, 3}) : x.flatten(1);
    for (std::int64_t layers = pick(1, 3); layers > 0; --layers) x = row_layer(x);
    const Tensor loss = make_loss(x);
    const std::vector<Tensor> grads =
        backpropagate({loss}, {ones_like(loss)}, params, "random net");
    outputs.insert(outputs.end(), {x, loss});
    for (const Tensor& g : grads) {
      if (g.defined()) outputs.push_back(g);
    }
  }

  // x [N, C, H, W] -> the same rank.
  Tensor image_layer(const Tensor& x) {
    const std::int64_t side = std::min(x.size(2), x.size(3));
    switch (pick(0, 11)) {
      case 0:
      case 1:
      case 2:
        return convolution(x);
      case 3: {
        const std::int64_t k = pick(1, 3), out = pick(1, 6);
        return conv_transpose2d(x, weight({x.size(1), out, k, k}, 0.4), bias(out), pick(1, 2),
                                pick(0, (k - 1) / 2));
      }
      case 4:
      case 5: {
        const std::int64_t k = pick(1, std::min<std::int64_t>(3, side));
        return max_pool2d(x, k, pick(1, 3), pick(0, k / 2));
      }
      case 6: {
        const std::int64_t k = pick(1, std::min<std::int64_t>(3, side));
        return avg_pool2d(x, k, pick(1, 3), pick(0, k / 2), false, once_in(2));
      }
      case 7:
        return batch_norm(x, {}, {}, weight({x.size(1)}, 1), weight({x.size(1)}, 1), true);
      case 8:
        return moved(x);
      case 9: {
        const Tensor y = activation(x);
        return once_in(2) ? x + y : cat({x, y}, once_in(2) ? 1 : 2);
      }
      default:
        return activation(x);
    }
  }
  Tensor convolution(const Tensor& x) {
    const std::int64_t c = x.size(1), groups = c % 2 == 0 && once_in(3) ? (once_in(2) ? c : 2) : 1,
                       out = groups * pick(1, once_in(4) ? 20 : 6), k = pick(1, 3),
                       dilation = once_in(4) ? 2 : 1, padding = pick(0, dilation * (k - 1));
    const Tensor w =
        weight({out, c / groups, k, k}, 1 / std::sqrt(static_cast<double>(c / groups * k * k)));
    const Tensor y = conv2d(x, w, bias(out), once_in(3) ? 2 : 1, padding, dilation, groups);
    return once_in(2) ? max_pool2d(relu(y), std::min<std::int64_t>({2, y.size(2), y.size(3)})) : y;
  }
  Tensor moved(const Tensor& x) {
    switch (pick(0, 3)) {
      case 0:
        return flip(x, {2});
      case 1:
        return x.transpose(2, 3);
      case 2:
        return pad(x, {1, 0, pick(0, 2), 1});
      default:
        return x.slice(3, 0, x.size(3), 2);
    }
  }

  // x [N, C] -> [N, C'].
  Tensor row_layer(const Tensor& x) {
    const std::int64_t c = x.size(1), out = once_in(5) ? 37 : pick(1, 12);
    switch (pick(0, 6)) {
      case 0:
      case 1:
      case 2: {
        const Tensor w = weight({out, c}, 1 / std::sqrt(static_cast<double>(c)));
        const Tensor y = linear(x, w, bias(out));
        return once_in(2) ? activation(y) : y;
      }
      case 3:
        return softmax(x, once_in(3) ? 0 : 1);
      case 4:
        return log_softmax(x, 1);
      case 5:
        return layer_norm(x, {c}, weight({c}, 1), weight({c}, 1));
      default:
        return activation(x);
    }
  }
  Tensor activation(const Tensor& x) {
    switch (pick(0, 11)) {
      case 0:
        return tanh(x);
      case 1:
        return sigmoid(x) * x;
      case 2:
        return gelu(x);
      case 3:
        return softplus(x);
      case 4:
        return exp(minimum(x, 2));
      case 5:
        return leaky_relu(x, 0.1);
      case 6:
        return x / (1 + abs(x));
      case 7:
        return where(gt(x, 0.25), x * x, sin(x));
      case 8:
        return sqrt(x * x + 0.5) - rsqrt(x * x + 2);
      default:
        return relu(x);
    }
  }
  Tensor make_loss(const Tensor& x) {
    const Tensor wave =
        reshape(cos(arange(static_cast<double>(x.numel()), {.dtype = dtype_})), x.shape());
    switch (pick(0, 3)) {
      case 0:
        return (x * wave).sum();
      case 1:
        return (pow(x - wave, 2)).mean();
      case 2:
        return binary_cross_entropy_with_logits(x, sigmoid(wave));
      default: {
        const Tensor index = arange(static_cast<double>(x.size(0)), {.dtype = kFloat32});
        return cross_entropy_loss(x, fmod(index, static_cast<double>(x.size(1))).to(kInt64));
      }
    }
  }

  std::mt19937_64 rng_;
  DType dtype_;
};

}  // namespace lilith::testing
