#include <cmath>

#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/autocast.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Normalisations and similarities.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

Tensor operand(const char* op, const Arg& x, int min_rank) {
  const Tensor t = x.tensor();
  LILITH_CHECK(is_floating(t.dtype()) && t.ndim() >= min_rank,
               "{}: got {}; need a floating dtype and at least {} dimensions", op, t.aval().str(),
               min_rank);
  return t;
}

struct Moments {
  Tensor mean, var;  // axes kept with size 1; the biased variance
  Tensor centred;
  double count;
};
Moments moments(const Tensor& x, const Ints& axes) {
  double n = 1;
  for (I a : axes) n *= static_cast<double>(x.shape()[static_cast<int>(a)]);
  const Tensor mean = scale(make_reduce_keep("reduce_sum", x, axes), 1 / n);
  const Tensor centred = sub(x, broadcast_last(mean, x.shape()));
  const Tensor var = scale(make_reduce_keep("reduce_sum", mul(centred, centred), axes), 1 / n);
  return {mean, var, centred, n};
}
Tensor normalised(const Tensor& centred, const Tensor& var, double eps) {
  return mul(centred, broadcast_last(rsqrt(shift(var, eps)), centred.shape()));
}

Tensor per_channel(const char* op, const char* what, const Tensor& v, const Tensor& x) {
  LILITH_CHECK(v.numel() == x.shape()[1], "{}: {} is {}; need one value per channel of {}", op,
               what, v.aval().str(), x.aval().str());
  return make_broadcast(make_cast(make_reshape(v, {v.numel()}), x.dtype()), x.shape(), {1});
}
// x * weight + bias per channel, where given.
Tensor affine_channels(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Tensor y = x;
  if (weight.defined()) y = mul(y, per_channel(op, "weight", weight, x));
  if (bias.defined()) y = add(y, per_channel(op, "bias", bias, x));
  return y;
}
Tensor with_statistics(const char* op, const Tensor& x, const Tensor& mean, const Tensor& var,
                       const Tensor& weight, const Tensor& bias, double eps) {
  LILITH_CHECK(mean.defined() && var.defined(),
               "{}: running_mean and running_var are needed outside of training", op);
  const Tensor centred = sub(x, per_channel(op, "running_mean", mean, x));
  const Tensor factor = rsqrt(shift(make_cast(var, x.dtype()), eps));
  return affine_channels(op, mul(centred, per_channel(op, "running_var", factor, x)), weight, bias);
}
Tensor blended(const Tensor& running, const Tensor& batch, double momentum) {
  return rounded_once(running, [&](const Tensor& old) {
    const Tensor now = stop_gradient(make_cast(make_reshape(batch, old.shape()), old.dtype()));
    return add(scale(old, 1 - momentum), scale(now, momentum));
  });
}

}  // namespace

BatchNormResult batch_norm_train(const Arg& input, const Tensor& running_mean,
                                 const Tensor& running_var, const Tensor& weight,
                                 const Tensor& bias, Real momentum, Real eps) {
  LocScope scope(input.loc());
  const Tensor x = operand("batch_norm", input, 2);
  const Ints axes = other_dims(x.ndim(), Ints{1});
  const I count = x.shape()[1] > 0 ? x.numel() / x.shape()[1] : 2;
  LILITH_CHECK(count > 1,
               "batch_norm: {} has {} per channel; in training the variance needs at least 2 "
               "(more rows in the batch, or test_mode)",
               x.aval().str(), count == 1 ? "one value" : "no value");
  const Moments m = moments(widened(x), axes);
  BatchNormResult r;
  r.output = narrowed(
      affine_channels("batch_norm", normalised(m.centred, m.var, eps), weight, bias), x.dtype());
  if (running_mean.defined()) r.running_mean = blended(running_mean, m.mean, momentum);
  if (running_var.defined()) {
    r.running_var = blended(running_var, scale(m.var, m.count / (m.count - 1)), momentum);
  }
  return r;
}

Tensor batch_norm(const Arg& input, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, bool training, Real momentum,
                  Real eps) {
  LocScope scope(input.loc());
  if (input.tensor().numel() == 0) return input.tensor();
  if (training) return batch_norm_train(input, {}, {}, weight, bias, momentum, eps).output;
  const Tensor x = operand("batch_norm", input, 2);
  return rounded_once(x, [&](const Tensor& t) {
    return with_statistics("batch_norm", t, running_mean, running_var, weight, bias, eps);
  });
}

Tensor layer_norm(const Arg& input, const IntList& normalized_shape, const Tensor& weight,
                  const Tensor& bias, Real eps) {
  LocScope scope(input.loc());
  const Tensor x = lifted(operand("layer_norm", input, 1));
  const int n = static_cast<int>(normalized_shape.size());
  LILITH_CHECK(n >= 1 && n <= x.ndim(), "layer_norm: {} normalized sizes for {}", n,
               x.aval().str());
  const Shape tail(x.shape().end() - n, static_cast<std::size_t>(n));
  LILITH_CHECK(tail == Shape(normalized_shape.vec()),
               "layer_norm: {} does not end in normalized_shape {}", x.aval().str(),
               Shape(normalized_shape.vec()).str());
  Ints axes = range(n);
  for (I& a : axes) a += x.ndim() - n;
  const Moments m = moments(widened(x), axes);
  Tensor y = normalised(m.centred, m.var, eps);
  const auto check = [&](const char* what, const Tensor& v) {
    LILITH_CHECK(v.shape() == tail, "layer_norm: {} is {}; need shape {}", what, v.aval().str(),
                 tail.str());
    return broadcast_last(make_cast(v, y.dtype()), x.shape());
  };
  if (weight.defined()) y = mul(y, check("weight", weight));
  if (bias.defined()) y = add(y, check("bias", bias));
  return narrowed(y, x.dtype());
}

Tensor rms_norm(const Arg& input, const IntList& normalized_shape, const Tensor& weight,
                std::optional<Real> eps) {
  LocScope scope(input.loc());
  const Tensor x = lifted(operand("rms_norm", input, 1));
  const int n = static_cast<int>(normalized_shape.size());
  const Shape wanted(normalized_shape.vec());
  LILITH_CHECK(
      n >= 1 && n <= x.ndim() && Shape(x.shape().end() - n, static_cast<std::size_t>(n)) == wanted,
      "rms_norm: {} does not end in normalized_shape {}", x.aval().str(), wanted.str());
  const double step = x.dtype() == DType::F64    ? 0x1p-52
                      : x.dtype() == DType::F32  ? 0x1p-23
                      : x.dtype() == DType::BF16 ? 0x1p-7
                                                 : 0x1p-10;
  Ints axes = range(n);
  for (I& a : axes) a += x.ndim() - n;
  const Tensor wide = widened(x), squares = mean(mul(wide, wide), IntList(axes), true);
  Tensor y = mul(wide, rsqrt(shift(squares, eps ? double{*eps} : step)));
  if (weight.defined()) {
    LILITH_CHECK(weight.shape() == wanted, "rms_norm: weight is {}; need shape {}",
                 weight.aval().str(), wanted.str());
    y = mul(y, broadcast_last(make_cast(weight, y.dtype()), x.shape()));
  }
  return narrowed(y, x.dtype());
}

Tensor channel_shuffle(const Arg& input, Int groups) {
  LocScope scope(input.loc());
  const Tensor x = input.tensor();
  LILITH_CHECK(x.ndim() >= 3 && groups >= 1 && x.size(1) % groups == 0,
               "channel_shuffle: {} in {} groups; need [N, C, …] with C a multiple of them",
               x.aval().str(), groups);
  Shape split{x.size(0), groups, x.size(1) / groups};
  for (int d = 2; d < x.ndim(); ++d) split.push_back(x.shape()[d]);
  return make_reshape(transpose(make_reshape(x, split), 1, 2), x.shape());
}

Tensor group_norm(const Arg& input, Int num_groups, const Tensor& weight, const Tensor& bias,
                  Real eps) {
  LocScope scope(input.loc());
  const Tensor x = lifted(operand("group_norm", input, 2));
  LILITH_CHECK(num_groups >= 1 && x.size(1) % num_groups == 0,
               "group_norm: {} channels of {} do not divide by {} groups", x.size(1),
               x.aval().str(), num_groups);
  LILITH_CHECK(x.numel() != num_groups,
               "group_norm: {} in {} groups has one value per group; the variance needs at least 2",
               x.aval().str(), num_groups);
  Shape split = x.shape();
  split[1] /= num_groups;
  split.insert(1, num_groups);
  const Tensor grouped = widened(make_reshape(x, split));
  const Moments m = moments(grouped, other_dims(grouped.ndim(), Ints{0, 1}));
  const Tensor y = make_reshape(normalised(m.centred, m.var, eps), x.shape());
  return narrowed(affine_channels("group_norm", y, weight, bias), x.dtype());
}

Tensor instance_norm(const Arg& input, const Tensor& running_mean, const Tensor& running_var,
                     const Tensor& weight, const Tensor& bias, bool use_input_stats, Real,
                     Real eps) {
  LocScope scope(input.loc());
  const Tensor x = operand("instance_norm", input, 3);
  LILITH_CHECK(!use_input_stats || x.numel() != x.shape()[0] * x.shape()[1] || x.numel() == 0,
               "instance_norm: {} has one value per instance and channel; the variance needs at "
               "least 2",
               x.aval().str());
  return rounded_once(x, [&](const Tensor& t) {
    if (!use_input_stats)
      return with_statistics("instance_norm", t, running_mean, running_var, weight, bias, eps);
    const Moments m = moments(t, other_dims(x.ndim(), Ints{0, 1}));
    return affine_channels("instance_norm", normalised(m.centred, m.var, eps), weight, bias);
  });
}

Tensor normalize(const Arg& input, Real p, const IntList& dim, Real eps) {
  LocScope scope(input.loc());
  const Tensor x = lifted(operand("normalize", input, 0));
  return rounded_once(x, [&](const Tensor& t) {
    const Tensor least = make_full({}, eps, t.dtype(), t.device());
    return div(t, broadcast_last(clamp_min(norm(t, p, dim, true), least), t.shape()));
  });
}

Tensor local_response_norm(const Arg& input, Int size, Real alpha, Real beta, Real k) {
  LocScope scope(input.loc());
  const Tensor given = input.tensor();
  LILITH_CHECK(given.dtype() != DType::Bool && given.ndim() >= 3,
               "local_response_norm: got {}; need numbers and at least 3 dimensions",
               given.aval().str());
  const DType dtype = floating_type(given.dtype());
  const Tensor x = widened(given);
  LILITH_CHECK(size >= 1, "local_response_norm: size is {}; need size >= 1", size);
  const auto rank = x.shape().size();
  Ints lo(rank, 0), hi(rank, 0), zeros(rank, 0);
  lo[1] = size / 2;
  hi[1] = (size - 1) / 2;
  const Tensor padded = make_pad(mul(x, x), lo, hi, zeros, 0);
  Tensor total;
  for (I i = 0; i < size; ++i) {
    const Tensor part = slice_dim(padded, 1, i, i + x.size(1));
    total = total.defined() ? add(total, part) : part;
  }
  // The mean of integers' squares is cut to an integer, as that of avg_pool is.
  const bool whole = !is_floating(given.dtype());
  if (whole)
    total = make_cast(div(total, full_as(total, static_cast<double>(size)), "trunc"), dtype);
  const Tensor base = shift(scale(total, whole ? +alpha : alpha / static_cast<double>(size)), k);
  return narrowed(div(whole ? make_cast(x, dtype) : x, pow(base, full_as(base, beta))), dtype);
}

Tensor cosine_similarity(const Arg& a, const Arg& b, Dim dim, Real eps) {
  LocScope scope(a.loc());
  const DType dtype = lifted(floating_type(ops::result_type({&a, &b})));
  const Operands o = broadcast_operands("cosine_similarity", a, b, compute_dtype(dtype));
  const Tensor least = make_full({}, eps, o.a.dtype(), o.a.device());
  const auto unit = [&](const Tensor& t) {
    return div(t, broadcast_last(clamp_min(norm(t, 2, dim, true), least), t.shape()));
  };
  return narrowed(sum(mul(unit(o.a), unit(o.b)), dim), dtype);
}

Tensor pairwise_distance(const Arg& a, const Arg& b, Real p, Real eps, bool keepdim) {
  LocScope scope(a.loc());
  // Integers' differences are of their dtype.
  const DType given = ops::result_type({&a, &b}), dtype = lifted(floating_type(given));
  const DType work = is_floating(given) ? compute_dtype(dtype) : given;
  const Operands o = broadcast_operands("pairwise_distance", a, b, work);
  const Tensor apart = make_cast(sub(o.a, o.b), compute_dtype(dtype));
  return narrowed(norm(shift(apart, eps), p, -1, keepdim), dtype);
}

Tensor pixel_shuffle(const Arg& input, Int factor) {
  LocScope scope(input.loc());
  const I r = factor;
  const Tensor x = input.tensor();
  LILITH_CHECK(x.ndim() >= 3 && r >= 1 && x.size(-3) % (r * r) == 0,
               "pixel_shuffle: {} by {}; need [..., C r^2, H, W]", x.aval().str(), r);
  const int lead = x.ndim() - 3;
  const I c = x.size(-3) / (r * r), h = x.size(-2), w = x.size(-1);
  Shape split(x.shape().begin(), static_cast<std::size_t>(lead)), out = split;
  for (I s : {c, r, r, h, w}) split.push_back(s);
  for (I s : {c, h * r, w * r}) out.push_back(s);
  Ints perm = range(lead);
  for (I d : {0, 3, 1, 4, 2}) perm.push_back(lead + d);
  return make_reshape(make_transpose(make_reshape(x, split), perm), out);
}

Tensor pixel_unshuffle(const Arg& input, Int factor) {
  LocScope scope(input.loc());
  const I r = factor;
  const Tensor x = input.tensor();
  LILITH_CHECK(x.ndim() >= 3 && r >= 1 && x.size(-2) % r == 0 && x.size(-1) % r == 0,
               "pixel_unshuffle: {} by {}; need [..., C, H r, W r]", x.aval().str(), r);
  const int lead = x.ndim() - 3;
  const I c = x.size(-3), h = x.size(-2) / r, w = x.size(-1) / r;
  Shape split(x.shape().begin(), static_cast<std::size_t>(lead)), out = split;
  for (I s : {c, h, r, w, r}) split.push_back(s);
  for (I s : {c * r * r, h, w}) out.push_back(s);
  Ints perm = range(lead);
  for (I d : {0, 2, 4, 1, 3}) perm.push_back(lead + d);
  return make_reshape(make_transpose(make_reshape(x, split), perm), out);
}

}  // namespace lilith
