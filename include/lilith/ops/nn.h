#pragma once
#include <concepts>
#include <optional>
#include <utility>
#include <vector>

#include "lilith/detail/choice.h"
#include "lilith/detail/keywords.h"
#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

namespace lilith {

/// x weight^T + bias. x [..., in], weight [out, in] or [in], bias [out].
Tensor linear(const Arg& x, const Tensor& weight, const Tensor& bias = {});
/// x1^T W_k x2 + bias_k. x1 [..., A], x2 [..., B], weight [out, A, B].
Tensor bilinear(const Arg& x1, const Tensor& x2, const Tensor& weight, const Tensor& bias = {});

/// Options of a convolution as a function: conv2d(x, w, b, {.padding = 1}).
struct ConvFunctionOptions {
  detail::Named named = {};
  IntList stride = 1;
  Padding padding = 0;
  IntList dilation = 1;
  Int groups = 1;
};
struct ConvTransposeFunctionOptions {
  detail::Named named = {};
  IntList stride = 1;
  IntList padding = 0;
  IntList output_padding = 0;
  Int groups = 1;
  IntList dilation = 1;
};
/// Cross-correlation. x [N, C, d…] or [C, d…], weight [out, C / groups, k…], bias [out].
/// Errors: channels that do not fit, a window larger than the padded input, "same" with a stride.
/// Ref: torch.nn.functional.conv2d.
Tensor conv1d(const Arg& x, const Tensor& weight, const Tensor& bias = {},
              const IntList& stride = 1, const Padding& padding = 0, const IntList& dilation = 1,
              Int groups = 1);
Tensor conv2d(const Arg& x, const Tensor& weight, const Tensor& bias = {},
              const IntList& stride = 1, const Padding& padding = 0, const IntList& dilation = 1,
              Int groups = 1);
Tensor conv3d(const Arg& x, const Tensor& weight, const Tensor& bias = {},
              const IntList& stride = 1, const Padding& padding = 0, const IntList& dilation = 1,
              Int groups = 1);
/// The gradient of a convolution as a layer. weight [C, out / groups, k…].
Tensor conv_transpose1d(const Arg& x, const Tensor& weight, const Tensor& bias = {},
                        const IntList& stride = 1, const IntList& padding = 0,
                        const IntList& output_padding = 0, Int groups = 1,
                        const IntList& dilation = 1);
Tensor conv_transpose2d(const Arg& x, const Tensor& weight, const Tensor& bias = {},
                        const IntList& stride = 1, const IntList& padding = 0,
                        const IntList& output_padding = 0, Int groups = 1,
                        const IntList& dilation = 1);
Tensor conv_transpose3d(const Arg& x, const Tensor& weight, const Tensor& bias = {},
                        const IntList& stride = 1, const IntList& padding = 0,
                        const IntList& output_padding = 0, Int groups = 1,
                        const IntList& dilation = 1);
inline Tensor conv1d(const Arg& x, const Tensor& weight, const Tensor& bias,
                     const ConvFunctionOptions& o) {
  return conv1d(x, weight, bias, o.stride, o.padding, o.dilation, o.groups);
}
inline Tensor conv2d(const Arg& x, const Tensor& weight, const Tensor& bias,
                     const ConvFunctionOptions& o) {
  return conv2d(x, weight, bias, o.stride, o.padding, o.dilation, o.groups);
}
inline Tensor conv3d(const Arg& x, const Tensor& weight, const Tensor& bias,
                     const ConvFunctionOptions& o) {
  return conv3d(x, weight, bias, o.stride, o.padding, o.dilation, o.groups);
}
inline Tensor conv_transpose1d(const Arg& x, const Tensor& weight, const Tensor& bias,
                               const ConvTransposeFunctionOptions& o) {
  return conv_transpose1d(x, weight, bias, o.stride, o.padding, o.output_padding, o.groups,
                          o.dilation);
}
inline Tensor conv_transpose2d(const Arg& x, const Tensor& weight, const Tensor& bias,
                               const ConvTransposeFunctionOptions& o) {
  return conv_transpose2d(x, weight, bias, o.stride, o.padding, o.output_padding, o.groups,
                          o.dilation);
}
inline Tensor conv_transpose3d(const Arg& x, const Tensor& weight, const Tensor& bias,
                               const ConvTransposeFunctionOptions& o) {
  return conv_transpose3d(x, weight, bias, o.stride, o.padding, o.output_padding, o.groups,
                          o.dilation);
}

/// max_pool2d(x, 3, {.stride = 2, .padding = 1}).
struct MaxPoolFunctionOptions {
  detail::Named named = {};
  IntList kernel_size = {};  // where it is not given in its place
  IntList stride = {};
  IntList padding = 0;
  IntList dilation = 1;
  bool ceil_mode = false;
};
struct AvgPoolFunctionOptions {
  detail::Named named = {};
  IntList kernel_size = {};
  IntList stride = {};
  IntList padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
  std::optional<Int> divisor_override = {};  // 2d and 3d
};
/// The largest of each window; stride defaults to the window. x [N, C, d…] or [C, d…]. The gradient
/// goes to the first maximum; NaN propagates. Errors: padding over half of the window.
Tensor max_pool1d(const Arg& x, const IntList& kernel_size, const IntList& stride = {},
                  const IntList& padding = 0, const IntList& dilation = 1, bool ceil_mode = false);
Tensor max_pool2d(const Arg& x, const IntList& kernel_size, const IntList& stride = {},
                  const IntList& padding = 0, const IntList& dilation = 1, bool ceil_mode = false);
Tensor max_pool3d(const Arg& x, const IntList& kernel_size, const IntList& stride = {},
                  const IntList& padding = 0, const IntList& dilation = 1, bool ceil_mode = false);
inline Tensor max_pool1d(const Arg& x, const MaxPoolFunctionOptions& o) {
  return max_pool1d(x, o.kernel_size, o.stride, o.padding, o.dilation, o.ceil_mode);
}
inline Tensor max_pool1d(const Arg& x, const IntList& kernel_size,
                         const MaxPoolFunctionOptions& o) {
  return max_pool1d(x, detail::with_first(o, &MaxPoolFunctionOptions::kernel_size, kernel_size,
                                          "kernel_size", x.loc()));
}
inline Tensor max_pool2d(const Arg& x, const MaxPoolFunctionOptions& o) {
  return max_pool2d(x, o.kernel_size, o.stride, o.padding, o.dilation, o.ceil_mode);
}
inline Tensor max_pool2d(const Arg& x, const IntList& kernel_size,
                         const MaxPoolFunctionOptions& o) {
  return max_pool2d(x, detail::with_first(o, &MaxPoolFunctionOptions::kernel_size, kernel_size,
                                          "kernel_size", x.loc()));
}
inline Tensor max_pool3d(const Arg& x, const MaxPoolFunctionOptions& o) {
  return max_pool3d(x, o.kernel_size, o.stride, o.padding, o.dilation, o.ceil_mode);
}
inline Tensor max_pool3d(const Arg& x, const IntList& kernel_size,
                         const MaxPoolFunctionOptions& o) {
  return max_pool3d(x, detail::with_first(o, &MaxPoolFunctionOptions::kernel_size, kernel_size,
                                          "kernel_size", x.loc()));
}
/// The same with i64 indices: where each maximum stood, a row-major number among the pooled sizes
/// (PyTorch's return_indices).
std::pair<Tensor, Tensor> max_pool1d_with_indices(const Arg& x, const IntList& kernel_size,
                                                  const IntList& stride = {},
                                                  const IntList& padding = 0,
                                                  const IntList& dilation = 1,
                                                  bool ceil_mode = false);
std::pair<Tensor, Tensor> max_pool2d_with_indices(const Arg& x, const IntList& kernel_size,
                                                  const IntList& stride = {},
                                                  const IntList& padding = 0,
                                                  const IntList& dilation = 1,
                                                  bool ceil_mode = false);
std::pair<Tensor, Tensor> max_pool3d_with_indices(const Arg& x, const IntList& kernel_size,
                                                  const IntList& stride = {},
                                                  const IntList& padding = 0,
                                                  const IntList& dilation = 1,
                                                  bool ceil_mode = false);
/// The gradient of max_pool2d_with_indices to its input x: what of grad_output, [N, C, H', W'] or
/// [C, H', W'], was picked at the same place is added up there. indices: of grad_output's shape ->
/// x's shape and dtype. Errors: shapes that do not fit, indices out of x. Ref:
/// torch.ops.aten.max_pool2d_with_indices_backward
Tensor max_pool2d_with_indices_backward(const Arg& grad_output, const Tensor& x,
                                        const IntList& kernel_size, const IntList& stride,
                                        const IntList& padding, const IntList& dilation,
                                        bool ceil_mode, const Tensor& indices);
/// The mean of each window. divisor_override (pools 2d, 3d) replaces the count.
Tensor avg_pool1d(const Arg& x, const IntList& kernel_size, const IntList& stride = {},
                  const IntList& padding = 0, bool ceil_mode = false,
                  bool count_include_pad = true);
Tensor avg_pool2d(const Arg& x, const IntList& kernel_size, const IntList& stride = {},
                  const IntList& padding = 0, bool ceil_mode = false, bool count_include_pad = true,
                  std::optional<Int> divisor_override = {});
Tensor avg_pool3d(const Arg& x, const IntList& kernel_size, const IntList& stride = {},
                  const IntList& padding = 0, bool ceil_mode = false, bool count_include_pad = true,
                  std::optional<Int> divisor_override = {});
inline Tensor avg_pool1d(const Arg& x, const AvgPoolFunctionOptions& o) {
  return avg_pool1d(x, o.kernel_size, o.stride, o.padding, o.ceil_mode, o.count_include_pad);
}
inline Tensor avg_pool1d(const Arg& x, const IntList& kernel_size,
                         const AvgPoolFunctionOptions& o) {
  return avg_pool1d(x, detail::with_first(o, &AvgPoolFunctionOptions::kernel_size, kernel_size,
                                          "kernel_size", x.loc()));
}
inline Tensor avg_pool2d(const Arg& x, const AvgPoolFunctionOptions& o) {
  return avg_pool2d(x, o.kernel_size, o.stride, o.padding, o.ceil_mode, o.count_include_pad,
                    o.divisor_override);
}
inline Tensor avg_pool2d(const Arg& x, const IntList& kernel_size,
                         const AvgPoolFunctionOptions& o) {
  return avg_pool2d(x, detail::with_first(o, &AvgPoolFunctionOptions::kernel_size, kernel_size,
                                          "kernel_size", x.loc()));
}
inline Tensor avg_pool3d(const Arg& x, const AvgPoolFunctionOptions& o) {
  return avg_pool3d(x, o.kernel_size, o.stride, o.padding, o.ceil_mode, o.count_include_pad,
                    o.divisor_override);
}
inline Tensor avg_pool3d(const Arg& x, const IntList& kernel_size,
                         const AvgPoolFunctionOptions& o) {
  return avg_pool3d(x, detail::with_first(o, &AvgPoolFunctionOptions::kernel_size, kernel_size,
                                          "kernel_size", x.loc()));
}
/// Windows chosen so that the result has output_size; -1 keeps a size (PyTorch's None).
Tensor adaptive_avg_pool1d(const Arg& x, const IntList& output_size);
Tensor adaptive_avg_pool2d(const Arg& x, const IntList& output_size);
Tensor adaptive_avg_pool3d(const Arg& x, const IntList& output_size);
Tensor adaptive_max_pool1d(const Arg& x, const IntList& output_size);
Tensor adaptive_max_pool2d(const Arg& x, const IntList& output_size);
Tensor adaptive_max_pool3d(const Arg& x, const IntList& output_size);
/// The same with i64 indices, as those of max_pool2d_with_indices.
std::pair<Tensor, Tensor> adaptive_max_pool1d_with_indices(const Arg& x,
                                                           const IntList& output_size);
std::pair<Tensor, Tensor> adaptive_max_pool2d_with_indices(const Arg& x,
                                                           const IntList& output_size);
std::pair<Tensor, Tensor> adaptive_max_pool3d_with_indices(const Arg& x,
                                                           const IntList& output_size);

/// What batch_norm gives in training: the result and the new running statistics.
struct BatchNormResult {
  Tensor output, running_mean, running_var;
};
/// (x - mean) / sqrt(var + eps) * weight + bias per channel (dimension 1). In training the mean and
/// the biased variance are those of the batch; else running_mean and running_var.
Tensor batch_norm(const Arg& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight = {}, const Tensor& bias = {}, bool training = false,
                  Real momentum = 0.1, Real eps = 1e-5);
/// batch_norm in training, with the running statistics after the step (the unbiased variance).
BatchNormResult batch_norm_train(const Arg& x, const Tensor& running_mean,
                                 const Tensor& running_var, const Tensor& weight = {},
                                 const Tensor& bias = {}, Real momentum = 0.1, Real eps = 1e-5);
/// Normalises over the last dimensions, of sizes normalized_shape.
Tensor layer_norm(const Arg& x, const IntList& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, Real eps = 1e-5);
/// x over the root of the mean of its squares over the last dimensions, of sizes normalized_shape;
/// eps: unless given, the dtype's smallest step at 1. Zhang and Sennrich, arXiv:1910.07467. Ref:
/// torch.nn.functional.rms_norm
Tensor rms_norm(const Arg& x, const IntList& normalized_shape, const Tensor& weight = {},
                std::optional<Real> eps = {});
Tensor group_norm(const Arg& x, Int num_groups, const Tensor& weight = {}, const Tensor& bias = {},
                  Real eps = 1e-5);
Tensor instance_norm(const Arg& x, const Tensor& running_mean = {}, const Tensor& running_var = {},
                     const Tensor& weight = {}, const Tensor& bias = {},
                     bool use_input_stats = true, Real momentum = 0.1, Real eps = 1e-5);
/// (sum x^p)^(1/p) of each window; NaN where the sum is negative. Ref:
/// torch.nn.functional.lp_pool2d
Tensor lp_pool1d(const Arg& x, Real norm_type, const IntList& kernel_size,
                 const IntList& stride = {}, bool ceil_mode = false);
Tensor lp_pool2d(const Arg& x, Real norm_type, const IntList& kernel_size,
                 const IntList& stride = {}, bool ceil_mode = false);
Tensor lp_pool3d(const Arg& x, Real norm_type, const IntList& kernel_size,
                 const IntList& stride = {}, bool ceil_mode = false);
/// Channels [N, g c, …] read as [N, c, g]: those of the groups take turns. Errors: channels that
/// groups does not divide. Ref: torch.nn.functional.channel_shuffle
Tensor channel_shuffle(const Arg& x, Int groups);
/// x over the p-norm along dim, which is at least eps.
Tensor normalize(const Arg& x, Real p = 2, const IntList& dim = 1, Real eps = 1e-12);
Tensor local_response_norm(const Arg& x, Int size, Real alpha = 1e-4, Real beta = 0.75, Real k = 1);

Tensor cosine_similarity(const Arg& a, const Arg& b, Dim dim = 1, Real eps = 1e-8);
Tensor pairwise_distance(const Arg& a, const Arg& b, Real p = 2, Real eps = 1e-6,
                         bool keepdim = false);
/// [..., C r^2, H, W] -> [..., C, H r, W r], and back.
Tensor pixel_shuffle(const Arg& x, Int upscale_factor);
Tensor pixel_unshuffle(const Arg& x, Int downscale_factor);
namespace detail {
struct InterpolationNames {
  enum class Kind : std::uint8_t {
    Nearest,
    Linear,
    Bilinear,
    Bicubic,
    Trilinear,
    Area,
    NearestExact
  };
  static constexpr Kind Nearest = Kind::Nearest, Linear = Kind::Linear, Bilinear = Kind::Bilinear,
                        Bicubic = Kind::Bicubic, Trilinear = Kind::Trilinear, Area = Kind::Area,
                        NearestExact = Kind::NearestExact;
  static constexpr const char* what = "mode";
  static constexpr std::string_view words[] = {"nearest",   "linear", "bilinear",     "bicubic",
                                               "trilinear", "area",   "nearest-exact"};
};
}  // namespace detail
/// Interpolation::Bilinear, or "bilinear".
using Interpolation = detail::Choice<detail::InterpolationNames>;
struct InterpolateOptions {
  detail::Named named = {};
  IntList size = {};           // of the result, or
  RealList scale_factor = {};  // one number, or one per dimension
  Interpolation mode = Interpolation::Nearest;
  bool align_corners = false;
  bool recompute_scale_factor = false;  // from the sizes, rather than as given
  bool antialias = false;               // bilinear and bicubic: a smaller result takes all of x
};
/// Resamples the sizes of x [N, C, d…]. "nearest" rounds places down, "nearest-exact" to the
/// nearest centre. Ref: torch.nn.functional.interpolate. Errors: neither or both of size and
/// scale_factor, a mode for another number of sizes, antialias with another mode.
Tensor interpolate(const Arg& x, const InterpolateOptions& options);
/// PyTorch's order: interpolate(x, {8, 8}), interpolate(x, {}, 2, "bilinear").
inline Tensor interpolate(const Arg& x, const IntList& size, const RealList& scale_factor = {},
                          Interpolation mode = {}, bool align_corners = false) {
  return interpolate(
      x,
      {.size = size, .scale_factor = scale_factor, .mode = mode, .align_corners = align_corners});
}
/// softmax(q k^T / sqrt(E) + mask) v. q [..., L, E], k [..., S, E], v [..., S, Ev]; mask: bool
/// (true takes part) or added. A row with every key masked out is 0. is_causal: of key j and query
/// i only j <= i take part. scale: in place of 1 / sqrt(E). enable_gqa: fewer heads (dimension -3)
/// of k and v than of q, each for as many of q's. Vaswani et al., arXiv:1706.03762.
Tensor scaled_dot_product_attention(const Arg& query, const Tensor& key, const Tensor& value,
                                    const Tensor& attn_mask = {}, Real dropout_p = 0,
                                    bool is_causal = false, std::optional<double> scale = {},
                                    bool enable_gqa = false);
/// The same without dropout: a bool after the mask is is_causal.
template <std::same_as<bool> B>
Tensor scaled_dot_product_attention(const Arg& query, const Tensor& key, const Tensor& value,
                                    const Tensor& attn_mask, B is_causal) {
  return scaled_dot_product_attention(query, key, value, attn_mask, 0.0, is_causal);
}

}  // namespace lilith
