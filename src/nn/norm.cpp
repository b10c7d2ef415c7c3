#include "lilith/nn/norm.h"

#include "lilith/init.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"

namespace lilith {

namespace detail {
namespace {

const char* const kShapes[] = {"[N,C]", "[N,C,L]", "[N,C,H,W]", "[N,C,D,H,W]"};

void check_rank(const Tensor& x, const char* layer, int spatial, bool none_too) {
  const int rank = spatial + 2;
  LILITH_CHECK(x.ndim() == rank || (none_too && x.ndim() == 2), "{}{}d: x is {}; need {}{}.", layer,
               spatial, x.aval().str(), none_too ? "[N,C] or " : "", kShapes[spatial]);
}

void reset_affine(Tensor& weight, Tensor* bias) {
  if (weight.defined()) init::ones_(weight);
  if (bias && bias->defined()) init::zeros_(*bias);
}

}  // namespace

template <class Options>
ChannelNorm::ChannelNorm(const char* layer, std::int64_t num_features, const Options& o, Loc loc)
    : eps(o.eps) {
  LocScope scope(loc, layer);
  LILITH_CHECK(num_features > 0, "{}: num_features must be positive; got {}.", layer, num_features);
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

void ChannelNorm::reset_running_stats(SourceLocation loc) {
  LocScope scope(loc);
  if (!running_mean.defined()) return;
  running_mean.zero_();
  running_var.fill_(1);
  num_batches_tracked.zero_();
}
void ChannelNorm::reset_parameters(SourceLocation loc) {
  LocScope scope(loc);
  reset_running_stats();
  reset_affine(weight, &bias);
}

template <int D>
BatchNorm<D>::BatchNorm(Int num_features, const BatchNormOptions& options, SourceLocation loc)
    : ChannelNorm("BatchNorm", num_features, options, loc), momentum(options.momentum) {}

template <int D>
Tensor BatchNorm<D>::operator()(const Tensor& x, SourceLocation loc) {
  LocScope scope(loc);
  check_rank(x, "BatchNorm", D, D == 1);
  const bool tracked = running_mean.defined();
  if (!training || !tracked)
    return batch_norm(x, running_mean, running_var, weight, bias, !tracked, 0.0, eps);
  // Without a momentum the factor is 1 / n, a tensor: blend the batch's own statistics by hand.
  BatchNormResult r =
      batch_norm_train(x, running_mean, running_var, weight, bias, momentum ? *momentum : 1.0, eps);
  const Tensor batches = num_batches_tracked + 1;
  if (!momentum) {
    const Tensor factor = reciprocal(batches.to(running_mean.dtype()));
    r.running_mean = lerp(running_mean, r.running_mean, factor);
    r.running_var = lerp(running_var, r.running_var, factor);
  }
  // Assigned at the end: an Error above leaves the state as it was.
  num_batches_tracked = batches;
  running_mean = stop_gradient(r.running_mean);
  running_var = stop_gradient(r.running_var);
  return r.output;
}
template class BatchNorm<1>;
template class BatchNorm<2>;
template class BatchNorm<3>;

template <int D>
InstanceNorm<D>::InstanceNorm(Int num_features, const InstanceNormOptions& options,
                              SourceLocation loc)
    : ChannelNorm("InstanceNorm", num_features, options, loc), momentum(options.momentum) {}

template <int D>
Tensor InstanceNorm<D>::operator()(const Tensor& x, SourceLocation loc) {
  LocScope scope(loc);
  if (x.ndim() == D + 1) return squeeze((*this)(unsqueeze(x, 0), loc), 0);  // one example
  check_rank(x, "InstanceNorm", D, false);
  const bool tracked = running_mean.defined();
  const Tensor out = instance_norm(x, running_mean, running_var, weight, bias, training || !tracked,
                                   momentum, eps);
  if (tracked && training) {
    LILITH_CHECK(x.size(0) > 0, "InstanceNorm{}d: x is {}; in training need at least one row.", D,
                 x.aval().str());
    std::vector<std::int64_t> spatial;
    for (int d = 2; d < D + 2; ++d) spatial.push_back(d);
    const auto [v, m] = var_mean(stop_gradient(x), spatial);
    num_batches_tracked = num_batches_tracked + 1;
    running_mean = running_mean * (1 - momentum) + mean(m, 0) * momentum;
    running_var = running_var * (1 - momentum) + mean(v, 0) * momentum;
  }
  return out;
}
template class InstanceNorm<1>;
template class InstanceNorm<2>;
template class InstanceNorm<3>;

}  // namespace detail

LayerNorm::LayerNorm(const IntList& normalized_shape, const LayerNormOptions& options,
                     SourceLocation loc)
    : normalized_shape(normalized_shape.vec()), eps(options.eps) {
  LocScope scope(loc);
  LILITH_CHECK(!normalized_shape.empty(), "LayerNorm: normalized_shape must not be empty.");
  if (!options.elementwise_affine) return;
  weight = ones(this->normalized_shape, {.dtype = options.dtype});
  if (options.bias) bias = zeros(this->normalized_shape, {.dtype = options.dtype});
}
void LayerNorm::reset_parameters(SourceLocation loc) {
  LocScope scope(loc);
  detail::reset_affine(weight, &bias);
}
Tensor LayerNorm::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return layer_norm(x, normalized_shape, weight, bias, eps);
}

RMSNorm::RMSNorm(const IntList& shape, const RMSNormOptions& options, SourceLocation loc)
    : normalized_shape(shape.vec()) {
  LocScope scope(loc);
  if (options.eps) eps = *options.eps;
  if (options.elementwise_affine) weight = ones(normalized_shape, {.dtype = options.dtype});
}
void RMSNorm::reset_parameters(SourceLocation loc) {
  LocScope scope(loc);
  detail::reset_affine(weight, nullptr);
}
Tensor RMSNorm::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return rms_norm(x, normalized_shape, weight, eps ? std::optional<Real>(*eps) : std::nullopt);
}

GroupNorm::GroupNorm(Int num_groups, Int num_channels, const GroupNormOptions& options,
                     SourceLocation loc)
    : num_groups(num_groups), eps(options.eps) {
  LocScope scope(loc);
  LILITH_CHECK(num_groups > 0 && num_channels > 0 && num_channels % num_groups == 0,
               "GroupNorm: num_groups must divide num_channels; got {} and {}.", num_groups,
               num_channels);
  if (!options.affine) return;
  weight = ones({num_channels}, {.dtype = options.dtype});
  bias = zeros({num_channels}, {.dtype = options.dtype});
}
void GroupNorm::reset_parameters(SourceLocation loc) {
  LocScope scope(loc);
  detail::reset_affine(weight, &bias);
}
Tensor GroupNorm::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return group_norm(x, num_groups, weight, bias, eps);
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
Tensor AlphaDropout::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return alpha_dropout(x, p, training);
}
Tensor FeatureAlphaDropout::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return feature_alpha_dropout(x, p, training);
}

}  // namespace lilith
