#include "lilith/nn/norm.h"

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/reduce.h"

namespace lilith {

namespace {
void check_rank(const Tensor& x, int low, int high, const char* layer, const char* rule) {
  LILITH_CHECK(x.ndim() >= low && x.ndim() <= high, "{}: x is {}; need {}.", layer, x.aval().str(),
               rule);
}
}  // namespace

namespace detail {

BatchNorm::BatchNorm(std::int64_t num_features, const BatchNormOptions& options)
    : eps(options.eps), momentum(options.momentum) {
  LILITH_CHECK(num_features > 0, "BatchNorm: num_features must be positive; got {}.", num_features);
  const TensorOptions floating{.dtype = options.dtype};
  if (options.affine) {
    weight = ones({num_features}, floating);
    bias = zeros({num_features}, floating);
  }
  if (options.track_running_stats) {
    running_mean = zeros({num_features}, floating);
    running_var = ones({num_features}, floating);
    num_batches_tracked = zeros({}, {.dtype = DType::I64});
  }
}

Tensor BatchNorm::forward(const Tensor& x) {
  const bool tracked = running_mean.defined();
  if (!training || !tracked)
    return batch_norm(x, running_mean, running_var, weight, bias, !tracked, 0.0, eps);
  num_batches_tracked = num_batches_tracked + 1;
  // Without a momentum the factor is 1 / n, a tensor: blend the batch's own statistics by hand.
  BatchNormResult r =
      batch_norm_train(x, running_mean, running_var, weight, bias, momentum ? *momentum : 1.0, eps);
  if (!momentum) {
    const Tensor factor = reciprocal(num_batches_tracked.to(running_mean.dtype()));
    r.running_mean = lerp(running_mean, r.running_mean, factor);
    r.running_var = lerp(running_var, r.running_var, factor);
  }
  running_mean = stop_gradient(r.running_mean);
  running_var = stop_gradient(r.running_var);
  return r.output;
}

}  // namespace detail

Tensor BatchNorm1d::operator()(const Tensor& x, SourceLocation loc) {
  LocScope scope(loc);
  check_rank(x, 2, 3, "BatchNorm1d", "[N,C] or [N,C,L]");
  return forward(x);
}
Tensor BatchNorm2d::operator()(const Tensor& x, SourceLocation loc) {
  LocScope scope(loc);
  check_rank(x, 4, 4, "BatchNorm2d", "[N,C,H,W]");
  return forward(x);
}
Tensor BatchNorm3d::operator()(const Tensor& x, SourceLocation loc) {
  LocScope scope(loc);
  check_rank(x, 5, 5, "BatchNorm3d", "[N,C,D,H,W]");
  return forward(x);
}

LayerNorm::LayerNorm(const IntList& normalized_shape, const LayerNormOptions& options)
    : normalized_shape(normalized_shape.vec()), eps(options.eps) {
  LILITH_CHECK(!normalized_shape.empty(), "LayerNorm: normalized_shape must not be empty.");
  if (!options.elementwise_affine) return;
  weight = ones(this->normalized_shape, {.dtype = options.dtype});
  if (options.bias) bias = zeros(this->normalized_shape, {.dtype = options.dtype});
}
Tensor LayerNorm::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return layer_norm(x, normalized_shape, weight, bias, eps);
}

GroupNorm::GroupNorm(std::int64_t num_groups, std::int64_t num_channels,
                     const GroupNormOptions& options)
    : num_groups(num_groups), eps(options.eps) {
  LILITH_CHECK(num_groups > 0 && num_channels > 0 && num_channels % num_groups == 0,
               "GroupNorm: num_groups must divide num_channels; got {} and {}.", num_groups,
               num_channels);
  if (!options.affine) return;
  weight = ones({num_channels}, {.dtype = options.dtype});
  bias = zeros({num_channels}, {.dtype = options.dtype});
}
Tensor GroupNorm::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return group_norm(x, num_groups, weight, bias, eps);
}

namespace detail {

InstanceNorm::InstanceNorm(std::int64_t num_features, const InstanceNormOptions& o)
    : eps(o.eps), momentum(o.momentum) {
  LILITH_CHECK(num_features > 0, "InstanceNorm: num_features must be positive; got {}.",
               num_features);
  const TensorOptions floating{.dtype = o.dtype};
  if (o.affine) {
    weight = ones({num_features}, floating);
    bias = zeros({num_features}, floating);
  }
  if (o.track_running_stats) {
    running_mean = zeros({num_features}, floating);
    running_var = ones({num_features}, floating);
    num_batches_tracked = zeros({}, {.dtype = DType::I64});
  }
}

Tensor InstanceNorm::forward(const Tensor& x, int rank, const char* layer, const char* rule) {
  check_rank(x, rank, rank, layer, rule);
  const bool tracked = running_mean.defined();
  if (tracked && training) {
    std::vector<std::int64_t> spatial;
    for (int d = 2; d < rank; ++d) spatial.push_back(d);
    const auto [v, m] = var_mean(stop_gradient(x), spatial);
    num_batches_tracked = num_batches_tracked + 1;
    running_mean = running_mean * (1 - momentum) + mean(m, 0) * momentum;
    running_var = running_var * (1 - momentum) + mean(v, 0) * momentum;
  }
  return instance_norm(x, running_mean, running_var, weight, bias, training || !tracked, momentum,
                       eps);
}

}  // namespace detail

Tensor InstanceNorm1d::operator()(const Tensor& x, SourceLocation loc) {
  LocScope scope(loc);
  return forward(x, 3, "InstanceNorm1d", "[N,C,L]");
}
Tensor InstanceNorm2d::operator()(const Tensor& x, SourceLocation loc) {
  LocScope scope(loc);
  return forward(x, 4, "InstanceNorm2d", "[N,C,H,W]");
}
Tensor InstanceNorm3d::operator()(const Tensor& x, SourceLocation loc) {
  LocScope scope(loc);
  return forward(x, 5, "InstanceNorm3d", "[N,C,D,H,W]");
}

Tensor LocalResponseNorm::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return local_response_norm(x, size, alpha, beta, k);
}

Tensor Dropout::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return dropout(x, p, training);
}
Tensor Dropout1d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return feature_dropout(x, p, training);
}
Tensor Dropout3d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return feature_dropout(x, p, training);
}
Tensor Dropout2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return feature_dropout(x, p, training);
}

}  // namespace lilith
