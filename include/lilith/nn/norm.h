#pragma once
#include <optional>
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

struct BatchNormOptions {
  Real eps = 1e-5;
  std::optional<Real> momentum = 0.1;  // none: the cumulative average
  bool affine = true;
  bool track_running_stats = true;
  DType dtype = DType::F32;
};

namespace detail {

/// What normalises each of C = num_features channels, by the statistics of what it sees or by
/// running ones.
class ChannelNorm {
 public:
  Tensor weight, bias;               // [C]: 1 and 0; undefined unless affine
  Buffer running_mean, running_var;  // [C]: 0 and 1; undefined unless tracked
  Buffer num_batches_tracked;        // i64 []
  double eps = 1e-5;
  bool training = true;

  /// What a new one starts with. Ref: torch.nn.BatchNorm2d.reset_parameters
  void reset_parameters(SourceLocation loc = SourceLocation::current());
  /// The running statistics as a new one has them, in place: mean 0, variance 1, no batches.
  /// Without track_running_stats nothing. Ref: torch.nn.BatchNorm2d.reset_running_stats
  void reset_running_stats(SourceLocation loc = SourceLocation::current());

 protected:
  /// Options: BatchNormOptions or InstanceNormOptions. `layer` names it in errors.
  template <class Options>
  ChannelNorm(const char* layer, std::int64_t num_features, const Options& options, Loc loc);
};

/// What BatchNorm1d, BatchNorm2d and BatchNorm3d are. D: spatial dimensions.
template <int D>
class BatchNorm : public ChannelNorm {
 public:
  explicit BatchNorm(Int num_features, const BatchNormOptions& options = {},
                     SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: BatchNorm2d(64, 1e-3, 0.01).
  template <AnyNumber N>
  BatchNorm(Int num_features, N eps, std::optional<Real> momentum = 0.1, bool affine = true,
            bool track_running_stats = true, SourceLocation loc = SourceLocation::current())
      : BatchNorm(num_features,
                  {.eps = eps,
                   .momentum = momentum,
                   .affine = affine,
                   .track_running_stats = track_running_stats},
                  loc) {}
  template <detail::AnyNumber N>
  BatchNorm(Int num_features, N eps, const BatchNormOptions& options,
            SourceLocation loc = SourceLocation::current())
      : BatchNorm(num_features,
                  detail::with_first(options, &BatchNormOptions::eps, eps, "eps", loc), loc) {}
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current());

  std::optional<double> momentum;
  LILITH_FIELDS(weight, bias, running_mean, running_var, num_batches_tracked, eps, momentum,
                training)
};

}  // namespace detail

/// (x - mean) / sqrt(var + eps) * weight + bias per channel. In training mean and variance are the
/// batch's, and running_mean and running_var follow them (the variance unbiased); else the running
/// ones are used. x [N, C] or [N, C, L]. Errors: another rank. Ref: torch.nn.BatchNorm1d,
/// arXiv:1502.03167.
class BatchNorm1d : public detail::BatchNorm<1> {
 public:
  using BatchNorm::BatchNorm;
};
/// The same for x [N, C, H, W].
class BatchNorm2d : public detail::BatchNorm<2> {
 public:
  using BatchNorm::BatchNorm;
};
/// The same for x [N, C, D, H, W].
class BatchNorm3d : public detail::BatchNorm<3> {
 public:
  using BatchNorm::BatchNorm;
};

struct LayerNormOptions {
  Real eps = 1e-5;
  bool elementwise_affine = true;
  bool bias = true;
  DType dtype = DType::F32;
};

/// Normalises over the last dimensions, of sizes normalized_shape; weight and bias of that shape
/// start as 1 and 0. Ref: torch.nn.LayerNorm, arXiv:1607.06450.
class LayerNorm {
 public:
  explicit LayerNorm(const IntList& normalized_shape, const LayerNormOptions& options = {},
                     SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: LayerNorm(256, 1e-6).
  template <detail::AnyNumber N>
  LayerNorm(const IntList& normalized_shape, N eps, bool elementwise_affine = true,
            bool bias = true, SourceLocation loc = SourceLocation::current())
      : LayerNorm(normalized_shape,
                  {.eps = eps, .elementwise_affine = elementwise_affine, .bias = bias}, loc) {}
  template <detail::AnyNumber N>
  LayerNorm(const IntList& normalized_shape, N eps, const LayerNormOptions& options,
            SourceLocation loc = SourceLocation::current())
      : LayerNorm(normalized_shape,
                  detail::with_first(options, &LayerNormOptions::eps, eps, "eps", loc), loc) {}
  /// Sizes in braces: LayerNorm({64}), LayerNorm({n, 64}, {.eps = 1e-6}), LayerNorm({64}, 1e-6).
  template <std::size_t K>
  explicit LayerNorm(const std::int64_t (&normalized_shape)[K],
                     const LayerNormOptions& options = {},
                     SourceLocation loc = SourceLocation::current())
      : LayerNorm(IntList(std::vector<std::int64_t>(normalized_shape, normalized_shape + K)),
                  options, loc) {}
  template <std::size_t K, detail::AnyNumber N>
  LayerNorm(const std::int64_t (&normalized_shape)[K], N eps,
            SourceLocation loc = SourceLocation::current())
      : LayerNorm(IntList(std::vector<std::int64_t>(normalized_shape, normalized_shape + K)), eps,
                  LayerNormOptions{}, loc) {}
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  /// What a new one starts with.
  void reset_parameters(SourceLocation loc = SourceLocation::current());

  Tensor weight, bias;
  std::vector<std::int64_t> normalized_shape;
  double eps = 1e-5;
  LILITH_FIELDS(weight, bias, normalized_shape, eps)
};

struct RMSNormOptions {
  std::optional<Real> eps = {};  // none: the smallest step at 1
  bool elementwise_affine = true;
  DType dtype = DType::F32;
};

/// x over the root mean square of the last dimensions, of sizes normalized_shape, times weight (of
/// that shape, ones). Ref: torch.nn.RMSNorm, arXiv:1910.07467.
class RMSNorm {
 public:
  explicit RMSNorm(const IntList& normalized_shape, const RMSNormOptions& options = {},
                   SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: RMSNorm(64, 1e-6).
  template <detail::AnyNumber N>
  RMSNorm(const IntList& normalized_shape, N eps, bool elementwise_affine = true,
          SourceLocation loc = SourceLocation::current())
      : RMSNorm(normalized_shape, {.eps = Real(eps), .elementwise_affine = elementwise_affine},
                loc) {}
  template <detail::AnyNumber N>
  RMSNorm(const IntList& normalized_shape, N eps, const RMSNormOptions& options,
          SourceLocation loc = SourceLocation::current())
      : RMSNorm(normalized_shape,
                detail::with_first(options, &RMSNormOptions::eps, Real(eps), "eps", loc), loc) {}
  /// Sizes in braces: RMSNorm({64}), RMSNorm({n, 64}, {.eps = 1e-6}), RMSNorm({64}, 1e-6).
  template <std::size_t K>
  explicit RMSNorm(const std::int64_t (&normalized_shape)[K], const RMSNormOptions& options = {},
                   SourceLocation loc = SourceLocation::current())
      : RMSNorm(IntList(std::vector<std::int64_t>(normalized_shape, normalized_shape + K)), options,
                loc) {}
  template <std::size_t K, detail::AnyNumber N>
  RMSNorm(const std::int64_t (&normalized_shape)[K], N eps,
          SourceLocation loc = SourceLocation::current())
      : RMSNorm(IntList(std::vector<std::int64_t>(normalized_shape, normalized_shape + K)), eps,
                RMSNormOptions{}, loc) {}
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  /// What a new one starts with.
  void reset_parameters(SourceLocation loc = SourceLocation::current());

  Tensor weight;
  std::vector<std::int64_t> normalized_shape;
  std::optional<double> eps;
  LILITH_FIELDS(weight, normalized_shape, eps)
};

struct GroupNormOptions {
  Real eps = 1e-5;
  bool affine = true;
  DType dtype = DType::F32;
};

/// Normalises each of num_groups groups of channels. x [N, C, …]; weight and bias [C]. Errors:
/// num_groups does not divide num_channels. Ref: torch.nn.GroupNorm, arXiv:1803.08494.
class GroupNorm {
 public:
  GroupNorm(Int num_groups, Int num_channels, const GroupNormOptions& options = {},
            SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: GroupNorm(8, 64, 1e-6).
  template <detail::AnyNumber N>
  GroupNorm(Int num_groups, Int num_channels, N eps, bool affine = true,
            SourceLocation loc = SourceLocation::current())
      : GroupNorm(num_groups, num_channels, {.eps = eps, .affine = affine}, loc) {}
  template <detail::AnyNumber N>
  GroupNorm(Int num_groups, Int num_channels, N eps, const GroupNormOptions& options,
            SourceLocation loc = SourceLocation::current())
      : GroupNorm(num_groups, num_channels,
                  detail::with_first(options, &GroupNormOptions::eps, eps, "eps", loc), loc) {}
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  /// What a new one starts with.
  void reset_parameters(SourceLocation loc = SourceLocation::current());

  Tensor weight, bias;
  std::int64_t num_groups = 1;
  double eps = 1e-5;
  LILITH_FIELDS(weight, bias, num_groups, eps)
};

struct InstanceNormOptions {
  Real eps = 1e-5;
  Real momentum = 0.1;
  bool affine = false;
  bool track_running_stats = false;
  DType dtype = DType::F32;
};

namespace detail {

/// What InstanceNorm1d, InstanceNorm2d and InstanceNorm3d are. D: spatial dimensions.
template <int D>
class InstanceNorm : public ChannelNorm {
 public:
  explicit InstanceNorm(Int num_features, const InstanceNormOptions& options = {},
                        SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: InstanceNorm2d(64, 1e-5, 0.1, true).
  template <AnyNumber N>
  InstanceNorm(Int num_features, N eps, Real momentum = 0.1, bool affine = false,
               bool track_running_stats = false, SourceLocation loc = SourceLocation::current())
      : InstanceNorm(num_features,
                     {.eps = eps,
                      .momentum = momentum,
                      .affine = affine,
                      .track_running_stats = track_running_stats},
                     loc) {}
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current());

  double momentum = 0.1;
  LILITH_FIELDS(weight, bias, running_mean, running_var, num_batches_tracked, eps, momentum,
                training)
};

}  // namespace detail

/// Normalises each channel of each example. x [N, C, L]. With track_running_stats the running
/// statistics follow the mean over the batch, and are used when not training. Ref:
/// torch.nn.InstanceNorm1d, arXiv:1607.08022.
class InstanceNorm1d : public detail::InstanceNorm<1> {
 public:
  using InstanceNorm::InstanceNorm;
};
/// The same for x [N, C, H, W].
class InstanceNorm2d : public detail::InstanceNorm<2> {
 public:
  using InstanceNorm::InstanceNorm;
};
/// The same for x [N, C, D, H, W].
class InstanceNorm3d : public detail::InstanceNorm<3> {
 public:
  using InstanceNorm::InstanceNorm;
};

/// x over (k + alpha / size * sum of the squares of `size` neighbouring channels)^beta.
/// Ref: torch.nn.LocalResponseNorm.
struct LocalResponseNorm {
  Int size = 5;
  Real alpha = 1e-4;
  Real beta = 0.75;
  Real k = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

/// In training: zeros with probability p, the others divided by 1 - p; else x. Ref:
/// torch.nn.Dropout.
struct Dropout {
  Real p = 0.5;
  detail::ByName by_name = {};
  bool training = true;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(p, training)
};
/// Dropout of whole channels: x [N, C, L]. Ref: torch.nn.Dropout1d.
struct Dropout1d {
  Real p = 0.5;
  detail::ByName by_name = {};
  bool training = true;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(p, training)
};
/// The same for x [N, C, D, H, W].
struct Dropout3d {
  Real p = 0.5;
  detail::ByName by_name = {};
  bool training = true;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(p, training)
};
/// The same for x [N, C, H, W].
struct Dropout2d {
  Real p = 0.5;
  detail::ByName by_name = {};
  bool training = true;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(p, training)
};

/// In training: SELU's saturation with probability p, then scaled and shifted so that mean 0 and
/// variance 1 stay; else x. Ref: torch.nn.AlphaDropout, arXiv:1706.02515.
struct AlphaDropout {
  Real p = 0.5;
  detail::ByName by_name = {};
  bool training = true;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(p, training)
};
/// The same for whole channels: x [N, C, …]. Ref: torch.nn.FeatureAlphaDropout.
struct FeatureAlphaDropout {
  Real p = 0.5;
  detail::ByName by_name = {};
  bool training = true;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(p, training)
};

}  // namespace lilith
