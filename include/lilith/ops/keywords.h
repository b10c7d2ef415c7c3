#pragma once
#include <string_view>

#include "lilith/detail/keywords.h"
#include "lilith/ops/activation.h"
#include "lilith/ops/index.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/shape.h"
#include "lilith/tensor.h"

// Functions with keyword arguments: sum(x, {.dim = 1}), softmax(x, {.dim = -1}), conv2d(x, w,
// {.padding = 1}). Each calls the one with arguments in order, where it is described.
namespace lilith {

#define LILITH_KEYWORD_FUNCTION(R, name, D, Keywords, ...) \
  R name(const Arg& x, const Keywords& k);                 \
  R name(const Arg& x, D dim, const Keywords& k);
#define LILITH_KEYWORDS LILITH_KEYWORD_FUNCTION
#include "lilith/detail/keyword_functions.inc"

ValuesIndices topk(const Arg& x, Int k, const TopkKeywords& keywords);
Tensor norm(const Arg& x, const NormKeywords& k);
Tensor norm(const Arg& x, Real p, const ReduceKeywords& k);
Tensor clamp(const Arg& x, const BoundKeywords& k);
Tensor clip(const Arg& x, const BoundKeywords& k);
bool allclose(const Arg& a, const Arg& b, const CloseKeywords& k);
Tensor isclose(const Arg& a, const Arg& b, const CloseKeywords& k);
Tensor add(const Arg& a, const Arg& b, const AlphaKeyword& k);
Tensor sub(const Arg& a, const Arg& b, const AlphaKeyword& k);
Tensor div(const Arg& a, const Arg& b, const RoundingKeyword& k);
Tensor triu(const Arg& x, const DiagonalKeyword& k);
Tensor tril(const Arg& x, const DiagonalKeyword& k);
Tensor cumsum(const Arg& x, Dim dim, const DTypeKeyword& k);
Tensor cumprod(const Arg& x, Dim dim, const DTypeKeyword& k);
Tensor quantile(const Arg& x, const Arg& q, const QuantileKeywords& k);
Tensor nanquantile(const Arg& x, const Arg& q, const QuantileKeywords& k);
Tensor nan_to_num(const Arg& x, const NanToNumKeywords& k);
Tensor repeat_interleave(const Arg& x, Int repeats, const RepeatKeyword& k);
Tensor repeat_interleave(const Arg& x, const Tensor& repeats, const RepeatKeyword& k);
Tensor addmm(const Arg& x, const Arg& a, const Arg& b, const BetaKeywords& k);
Tensor addmv(const Arg& x, const Arg& a, const Arg& b, const BetaKeywords& k);
Tensor addr(const Arg& x, const Arg& a, const Arg& b, const BetaKeywords& k);
Tensor addbmm(const Arg& x, const Arg& a, const Arg& b, const BetaKeywords& k);
Tensor baddbmm(const Arg& x, const Arg& a, const Arg& b, const BetaKeywords& k);
struct ValueKeyword {
  detail::Named named = {};
  Real value = 1;
};
Tensor addcmul(const Arg& x, const Arg& a, const Arg& b, const ValueKeyword& k);
Tensor addcdiv(const Arg& x, const Arg& a, const Arg& b, const ValueKeyword& k);
struct DiffKeywords {
  detail::Named named = {};
  Int n = 1;
  Dim dim = -1;
  Tensor prepend = {}, append = {};
};
Tensor diff(const Arg& x, const DiffKeywords& k);
struct TrapezoidKeywords {
  detail::Named named = {};
  Real dx = 1;
  Dim dim = -1;
};
Tensor trapezoid(const Arg& y, const TrapezoidKeywords& k);
Tensor cumulative_trapezoid(const Arg& y, const TrapezoidKeywords& k);
struct DecimalsKeyword {
  detail::Named named = {};
  Int decimals = 0;
};
Tensor round(const Arg& x, const DecimalsKeyword& k);
struct MinlengthKeyword {
  detail::Named named = {};
  Tensor weights = {};
  Int minlength = 0;
};
Tensor bincount(const Arg& x, const MinlengthKeyword& k);
struct MultinomialKeywords {
  detail::Named named = {};
  bool replacement = false;
  std::optional<RandomGenerator> generator = {};
};
Tensor multinomial(const Arg& x, Int num_samples, const MultinomialKeywords& k);
struct AsTupleKeyword {
  detail::Named named = {};
  bool as_tuple = true;
};
/// The indices, a tensor for each dimension. Error: as_tuple = false, which nonzero(x) is.
std::vector<Tensor> nonzero(const Arg& x, const AsTupleKeyword& k);

// ---- torch.nn.functional ----
struct PadKeywords {
  detail::Named named = {};
  PadMode mode = PadMode::Constant;
  Real value = 0;
};
Tensor pad(const Arg& x, const std::vector<std::int64_t>& pad, const PadKeywords& k);
struct DropoutKeywords {
  detail::Named named = {};
  Real p = 0.5;
  bool training = true;
  bool inplace = false;  // changes nothing
};
Tensor dropout(const Arg& x, const DropoutKeywords& k);
/// training, where it stands behind p.
struct TrainingKeyword {
  detail::Named named = {};
  bool training = true;
  bool inplace = false;
};
Tensor dropout(const Arg& x, Real p, const TrainingKeyword& k);
struct GeluKeywords {
  detail::Named named = {};
  GeluApproximation approximate = GeluApproximation::None;
};
Tensor gelu(const Arg& x, const GeluKeywords& k);
struct LeakyReluKeywords {
  detail::Named named = {};
  Real negative_slope = 0.01;
  bool inplace = false;
};
Tensor leaky_relu(const Arg& x, const LeakyReluKeywords& k);
struct SoftplusKeywords {
  detail::Named named = {};
  Real beta = 1, threshold = 20;
};
Tensor softplus(const Arg& x, const SoftplusKeywords& k);
struct GumbelKeywords {
  detail::Named named = {};
  Real tau = 1;
  bool hard = false;
  Dim dim = -1;
};
Tensor gumbel_softmax(const Arg& x, const GumbelKeywords& k);
struct NormalizeKeywords {
  detail::Named named = {};
  Real p = 2;
  IntList dim = 1;
  Real eps = 1e-12;
};
Tensor normalize(const Arg& x, const NormalizeKeywords& k);
struct SimilarityKeywords {
  detail::Named named = {};
  Dim dim = 1;
  Real eps = 1e-8;
};
Tensor cosine_similarity(const Arg& a, const Arg& b, const SimilarityKeywords& k);
struct DistanceKeywords {
  detail::Named named = {};
  Real p = 2;
  Real eps = 1e-6;
  bool keepdim = false;
};
Tensor pairwise_distance(const Arg& a, const Arg& b, const DistanceKeywords& k);
struct OneHotKeyword {
  detail::Named named = {};
  Int num_classes = -1;
};
Tensor one_hot(const Arg& x, const OneHotKeyword& k);
struct AttentionKeywords {
  detail::Named named = {};
  Tensor attn_mask = {};
  Real dropout_p = 0;
  bool is_causal = false;
  std::optional<double> scale = {};
  bool enable_gqa = false;
};
Tensor scaled_dot_product_attention(const Arg& query, const Tensor& key, const Tensor& value,
                                    const AttentionKeywords& k);
struct BatchNormKeywords {
  detail::Named named = {};
  Tensor weight = {}, bias = {};
  bool training = false;
  Real momentum = 0.1, eps = 1e-5;
};
Tensor batch_norm(const Arg& x, const Tensor& running_mean, const Tensor& running_var,
                  const BatchNormKeywords& k);
struct LayerNormKeywords {
  detail::Named named = {};
  Tensor weight = {}, bias = {};
  Real eps = 1e-5;
};
Tensor layer_norm(const Arg& x, const IntList& normalized_shape, const LayerNormKeywords& k);
using GroupNormKeywords = LayerNormKeywords;
Tensor group_norm(const Arg& x, Int num_groups, const GroupNormKeywords& k);
struct ConvKeywords {
  detail::Named named = {};
  Tensor bias = {};
  IntList stride = 1;
  Padding padding = 0;
  IntList dilation = 1;
  Int groups = 1;
};
struct ConvTransposeKeywords {
  detail::Named named = {};
  Tensor bias = {};
  IntList stride = 1;
  IntList padding = 0;
  IntList output_padding = 0;
  Int groups = 1;
  IntList dilation = 1;
};
Tensor conv1d(const Arg& x, const Tensor& weight, const ConvKeywords& k);
Tensor conv2d(const Arg& x, const Tensor& weight, const ConvKeywords& k);
Tensor conv3d(const Arg& x, const Tensor& weight, const ConvKeywords& k);
Tensor conv_transpose1d(const Arg& x, const Tensor& weight, const ConvTransposeKeywords& k);
Tensor conv_transpose2d(const Arg& x, const Tensor& weight, const ConvTransposeKeywords& k);
Tensor conv_transpose3d(const Arg& x, const Tensor& weight, const ConvTransposeKeywords& k);
/// interpolate under its old name. Ref: torch.nn.functional.upsample
inline Tensor upsample(const Arg& x, const InterpolateOptions& options) {
  return interpolate(x, options);
}

/// PyTorch's `inplace` behind an activation's arguments, which changes nothing: F::relu(x, true).
#define LILITH_INPLACE(name)      \
  template <std::same_as<bool> B> \
  Tensor name(const Arg& x, B) {  \
    return name(x);               \
  }
LILITH_INPLACE(relu)
LILITH_INPLACE(relu6)
LILITH_INPLACE(selu)
LILITH_INPLACE(silu)
LILITH_INPLACE(mish)
LILITH_INPLACE(hardswish)
LILITH_INPLACE(hardsigmoid)
#undef LILITH_INPLACE
template <std::same_as<bool> B>
Tensor leaky_relu(const Arg& x, Real negative_slope, B) {
  return leaky_relu(x, negative_slope);
}
template <std::same_as<bool> B>
Tensor elu(const Arg& x, Real alpha, B) {
  return elu(x, alpha);
}
/// Of a variable: it has the new value afterwards. Ref: torch.nn.functional.relu_
Tensor& relu_(Tensor& x, SourceLocation loc = SourceLocation::current());
Tensor& leaky_relu_(Tensor& x, Real negative_slope = 0.01,
                    SourceLocation loc = SourceLocation::current());
Tensor& elu_(Tensor& x, Real alpha = 1, SourceLocation loc = SourceLocation::current());

}  // namespace lilith
