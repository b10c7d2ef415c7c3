#pragma once
#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "ir/node.h"
#include "ir/reference.h"
#include "lilith/graph_names.h"

namespace lilith::testing {

/// Random graphs of small tensors of one dtype (f64) that hold whole numbers, so that every order
/// of summation gives the same result and passes can be compared bit by bit.
class RandomGraph {
 public:
  explicit RandomGraph(std::uint64_t seed, DType dtype = kFloat64) : rng_(seed), dtype_(dtype) {}

  Graph make(int num_ops) {
    for (int i = 0; i < 3; ++i) {
      Shape shape;
      for (int d = pick(1, 4); d > 0; --d) shape.push_back(pick(1, 4));
      inputs_.push_back(ir::make_parameter({.shape = shape, .dtype = dtype_}, i, ""));
      values_.push_back(inputs_.back());
    }
    while (static_cast<int>(values_.size()) < num_ops + 3) {
      Tensor t = step();
      if (t.defined() && t.numel() <= 512 && t.numel() > 0) values_.push_back(t);
    }
    std::vector<Tensor> outputs(values_.end() - 2, values_.end());
    outputs.push_back(values_[static_cast<std::size_t>(pick(3, num_ops))]);
    return Graph(inputs_, outputs);
  }

  /// Inputs for a graph: whole numbers from -most to most.
  std::vector<RefTensor> values(const Graph& g, std::int64_t most = 3) {
    std::vector<RefTensor> out;
    for (const Tensor& t : g.inputs()) {
      out.emplace_back(t.aval());
      for (std::int64_t k = 0; k < t.numel(); ++k) out.back().set(k, pick(-most, most));
    }
    return out;
  }

 private:
  using Ints = std::vector<std::int64_t>;

  std::int64_t pick(std::int64_t lo, std::int64_t hi) {
    return std::uniform_int_distribution<std::int64_t>(lo, hi)(rng_);
  }
  template <class T>
  const T& pick_of(const std::vector<T>& list) {
    return list[static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(list.size()) - 1))];
  }
  // Recent values are likelier, which makes deep graphs.
  Tensor any_value() {
    const auto n = static_cast<std::int64_t>(values_.size());
    return values_[static_cast<std::size_t>(
        pick(0, 2) ? pick(std::max<std::int64_t>(0, n - 5), n - 1) : pick(0, n - 1))];
  }
  Tensor number(const Shape& shape) {
    const std::int64_t v = pick(-2, 2);
    const Scalar scalar = is_floating(dtype_)
                              ? Scalar{Scalar::Kind::Float, 0, static_cast<double>(v)}
                              : Scalar{Scalar::Kind::Int, v, 0};
    return ir::make_constant(scalar, {.shape = shape, .dtype = dtype_});
  }
  // Something of that shape: a value, a constant, or a broadcast of a row.
  Tensor partner(const Tensor& x) {
    if (pick(0, 3) == 0) return number(x.shape());
    std::vector<Tensor> fits;
    for (const Tensor& t : values_) {
      if (t.shape() == x.shape()) fits.push_back(t);
    }
    if (pick(0, 2) == 0 && x.ndim() > 0) {
      for (const Tensor& t : values_) {
        if (t.ndim() != 1) continue;
        for (int d = 0; d < x.ndim(); ++d) {
          if (x.shape()[d] == t.shape()[0]) {
            return lilith::apply("broadcast", {t}, {{"shape", x.shape().vec()}, {"dims", Ints{d}}});
          }
        }
      }
    }
    return pick_of(fits);
  }

  Tensor step() {
    switch (pick(0, 15)) {
      case 0:
        return lilith::apply(pick_of<std::string>({"neg", "abs", "sign", "floor"}), {any_value()});
      case 1:
      case 2:
        return binary();
      case 3:
        return choose();
      case 4:
      case 5:
        return transposed();
      case 6:
        return reshaped();
      case 7:
        return sliced();
      case 8:
        return padded();
      case 9:
        return reduced();
      case 10:
        return product();
      case 11:
        return pooled();
      case 12:
        return gathered();
      case 13:
        return convolved();
      case 14:
        return largest();
      default:
        return joined();
    }
  }

  Tensor binary() {
    const Tensor x = any_value();
    const Tensor y = partner(x);
    Tensor z = lilith::apply(pick_of<std::string>({"add", "sub", "mul", "maximum", "minimum"}),
                             pick(0, 1) ? std::vector<Tensor>{x, y} : std::vector<Tensor>{y, x});
    // Keeps numbers small, hence whole.
    return pick(0, 2) ? z : lilith::apply("minimum", {z, number(z.shape())});
  }
  Tensor choose() {
    const Tensor x = any_value();
    Tensor c = lilith::apply(pick_of<std::string>({"lt", "eq", "ge", "ne"}), {x, partner(x)});
    if (pick(0, 2) == 0) c = lilith::apply("not", {c});
    return lilith::apply("select", {c, partner(x), x});
  }
  Tensor transposed() {
    const Tensor x = any_value();
    Ints perm(static_cast<std::size_t>(x.ndim()));
    std::iota(perm.begin(), perm.end(), 0);
    std::shuffle(perm.begin(), perm.end(), rng_);
    return lilith::apply("transpose", {x}, {{"perm", perm}});
  }
  Tensor reshaped() {
    const Tensor x = any_value();
    Ints shape = x.shape().vec();
    switch (pick(0, 2)) {
      case 0:
        return lilith::apply("reshape", {x}, {{"shape", Ints{x.numel()}}});
      case 1:
        if (shape.size() >= 2) {
          shape[1] *= shape[0];
          shape.erase(shape.begin());
        }
        break;
      default:
        if (shape.size() < 5) {
          shape.insert(shape.begin() + pick(0, static_cast<std::int64_t>(shape.size())), 1);
        }
    }
    return lilith::apply("reshape", {x}, {{"shape", shape}});
  }
  Tensor sliced() {
    const Tensor x = any_value();
    if (x.ndim() == 0) return {};
    if (pick(0, 3) == 0)
      return lilith::apply("reverse", {x}, {{"dims", Ints{pick(0, x.ndim() - 1)}}});
    Ints start, limit, stride;
    for (std::int64_t size : x.shape()) {
      start.push_back(pick(0, size - 1));
      limit.push_back(pick(start.back() + 1, size));
      stride.push_back(pick(1, 2));
    }
    return lilith::apply("slice", {x}, {{"start", start}, {"limit", limit}, {"stride", stride}});
  }
  Tensor padded() {
    const Tensor x = any_value();
    Ints lo, hi, interior;
    for (int d = 0; d < x.ndim(); ++d) {
      lo.push_back(pick(0, 1));
      hi.push_back(pick(0, 1));
      interior.push_back(pick(0, 3) == 0);
    }
    return lilith::apply("pad", {x},
                         {{"lo", lo}, {"hi", hi}, {"interior", interior}, {"value", 0.0}});
  }
  Tensor reduced() {
    const Tensor x = any_value();
    Ints axes;
    for (int d = 0; d < x.ndim(); ++d) {
      if (pick(0, 1)) axes.push_back(d);
    }
    return lilith::apply(pick_of<std::string>({"reduce_sum", "reduce_max", "reduce_min"}), {x},
                         {{"axes", axes}});
  }
  // One contracted dimension of equal size, at times a batch dimension.
  Tensor product() {
    const Tensor a = any_value(), b = any_value();
    Ints lhs_batch, rhs_batch, lhs_contract, rhs_contract;
    for (int i = 0; i < a.ndim(); ++i) {
      for (int j = 0; j < b.ndim(); ++j) {
        const bool used =
            std::find(lhs_batch.begin(), lhs_batch.end(), i) != lhs_batch.end() ||
            std::find(rhs_batch.begin(), rhs_batch.end(), j) != rhs_batch.end() ||
            std::find(lhs_contract.begin(), lhs_contract.end(), i) != lhs_contract.end() ||
            std::find(rhs_contract.begin(), rhs_contract.end(), j) != rhs_contract.end();
        if (used || a.shape()[i] != b.shape()[j] || pick(0, 1)) continue;
        (pick(0, 1) ? lhs_batch : lhs_contract).push_back(i);
        (lhs_batch.size() > rhs_batch.size() ? rhs_batch : rhs_contract).push_back(j);
      }
    }
    if (lhs_contract.empty() || a.ndim() + b.ndim() > 9) return {};
    return lilith::apply("dot_general", {a, b},
                         {{"lhs_batch", lhs_batch},
                          {"rhs_batch", rhs_batch},
                          {"lhs_contract", lhs_contract},
                          {"rhs_contract", rhs_contract}});
  }
  // The window of each dimension, and what goes with it.
  Attrs random_window(const Shape& shape) {
    Ints window, stride, lo, hi, dilation;
    for (std::int64_t size : shape) {
      const std::int64_t w = pick(1, std::min<std::int64_t>(size, 2));
      window.push_back(w);
      stride.push_back(pick(1, 2));
      lo.push_back(w > 1 ? pick(0, 1) : 0);
      hi.push_back(w > 1 ? pick(0, 1) : 0);
      dilation.push_back(1);
    }
    return {{"window", window}, {"stride", stride}, {"lo", lo}, {"hi", hi}, {"dilation", dilation}};
  }
  Tensor pooled() {
    const Tensor x = any_value();
    Attrs attrs = random_window(x.shape());
    if (pick(0, 1)) {
      return lilith::apply(pick_of<std::string>({"reduce_window_sum", "reduce_window_max"}), {x},
                           attrs);
    }
    const Tensor offsets = lilith::apply("window_argmax", {x}, attrs);
    const Tensor best = lilith::apply("window_gather", {x, offsets}, attrs);
    if (pick(0, 1)) return best;
    attrs.set("shape", x.shape().vec());
    return lilith::apply("unpool", {best, offsets}, attrs);
  }
  // A gather by a reversed or clamped iota, at times scattered back.
  Tensor gathered() {
    const Tensor x = any_value();
    if (x.ndim() == 0) return {};
    const std::int64_t axis = pick(0, x.ndim() - 1);
    Ints shape = x.shape().vec();
    shape[static_cast<std::size_t>(axis)] = pick(1, 4);
    Tensor index = lilith::apply(
        "iota", {}, {{"shape", shape}, {"dim", pick(0, x.ndim() - 1)}, {"dtype", kInt64}});
    const Tensor last = ir::make_constant(
        {Scalar::Kind::Int, x.shape()[static_cast<int>(axis)] - 1, 0}, index.aval());
    index = lilith::apply("minimum", {index, last});
    if (pick(0, 1)) index = lilith::apply("sub", {last, index});
    const Tensor got = lilith::apply("gather", {x, index}, {{"axis", axis}});
    if (pick(0, 1)) return got;
    const Tensor base = pick(0, 1) ? x : ir::make_constant({Scalar::Kind::Int, 0, 0}, x.aval());
    return lilith::apply("scatter_add", {base, index, got}, {{"axis", axis}});
  }
  // A convolution of the last dimension, in a random order of dimensions.
  Tensor convolved() {
    const Tensor x = any_value();
    if (x.ndim() < 3) return {};
    const auto rank = static_cast<std::size_t>(x.ndim());
    Ints lhs(rank), rhs(rank), out(rank);
    for (Ints* spec : {&lhs, &rhs, &out}) {
      std::iota(spec->begin(), spec->end(), 0);
      std::shuffle(spec->begin(), spec->end(), rng_);
    }
    Ints kernel(rank), stride, lo, hi, ones(rank - 2, 1);
    kernel[static_cast<std::size_t>(rhs[0])] = pick(1, 3);
    kernel[static_cast<std::size_t>(rhs[1])] = x.shape()[static_cast<int>(lhs[1])];
    for (std::size_t d = 2; d < rank; ++d) {
      kernel[static_cast<std::size_t>(rhs[d])] =
          pick(1, std::min<std::int64_t>(2, x.shape()[static_cast<int>(lhs[d])]));
      stride.push_back(pick(1, 2));
      lo.push_back(pick(0, 1));
      hi.push_back(pick(0, 1));
    }
    return lilith::apply("conv_general", {x, number(Shape(kernel))},
                         {{"stride", stride},
                          {"lo", lo},
                          {"hi", hi},
                          {"lhs_dilation", ones},
                          {"rhs_dilation", ones},
                          {"groups", std::int64_t{1}},
                          {"batch_groups", std::int64_t{1}},
                          {"lhs_spec", lhs},
                          {"rhs_spec", rhs},
                          {"out_spec", out}});
  }
  Tensor largest() {
    const Tensor x = any_value();
    if (x.ndim() == 0) return {};
    const Tensor at = lilith::apply(pick_of<std::string>({"argmax", "argmin"}), {x},
                                    {{"axes", Ints{pick(0, x.ndim() - 1)}}});
    return lilith::apply("cast", {at}, {{"dtype", dtype_}});
  }
  Tensor joined() {
    const Tensor x = any_value();
    if (x.ndim() == 0) return {};
    return lilith::apply("concat", {x, partner(x)}, {{"dim", pick(0, x.ndim() - 1)}});
  }

  std::mt19937_64 rng_;
  DType dtype_;
  std::vector<Tensor> inputs_, values_;
};

}  // namespace lilith::testing
