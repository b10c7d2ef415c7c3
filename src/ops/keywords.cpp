#include "lilith/ops/keywords.h"

#include "lilith/ops.h"

// Keyword arguments, put in order.
namespace lilith {
namespace {

double correction_of(const char* op, const VarKeywords& k) {
  LILITH_CHECK(!k.unbiased || !k.correction,
               "{}: unbiased is {} and correction is {}; need one of them", op, *k.unbiased,
               static_cast<double>(*k.correction));
  return k.unbiased ? (*k.unbiased ? 1.0 : 0.0) : static_cast<double>(k.correction.value_or(1));
}
template <class Keywords>
Dim one_dim(const char* op, const Keywords& k) {
  LILITH_CHECK(k.dim, "{}: .dim is missing; need the dimension", op);
  return *k.dim;
}
bool is_given(const IntList& dim) { return !dim.empty(); }
bool is_given(const std::optional<Dim>& dim) { return dim.has_value(); }

template <class Keywords, class D>
Keywords with_dim(const char* op, Keywords k, const D& dim) {
  LILITH_CHECK(!is_given(k.dim), "{}: the dimension is given twice", op);
  k.dim = dim;
  return k;
}

}  // namespace

#define LILITH_KEYWORD_FUNCTION(R, name, D, Keywords, ...) \
  R name(const Arg& x, const Keywords& k) {                \
    const LocScope scope(x.loc());                         \
    return name(x, __VA_ARGS__);                           \
  }                                                        \
  R name(const Arg& x, D dim, const Keywords& k) {         \
    const LocScope scope(x.loc());                         \
    return name(x, with_dim(#name, k, dim));               \
  }
#define LILITH_KEYWORDS LILITH_KEYWORD_FUNCTION
#include "lilith/detail/keyword_functions.inc"

// Of x and other operands, and the arguments in order.
#define LILITH_ROW(R, name, parameters, ...) \
  R name parameters {                        \
    const LocScope scope(x.loc());           \
    return name(__VA_ARGS__);                \
  }
LILITH_ROW(ValuesIndices, topk, (const Arg& x, Int n, const TopkKeywords& k), x, n, k.dim,
           k.largest, k.sorted)
LILITH_ROW(Tensor, norm, (const Arg& x, const NormKeywords& k), x, k.p, k.dim, k.keepdim)
LILITH_ROW(Tensor, norm, (const Arg& x, Real p, const ReduceKeywords& k), x, p, k.dim, k.keepdim)
LILITH_ROW(Tensor, clamp, (const Arg& x, const BoundKeywords& k), x, k.min, k.max)
LILITH_ROW(Tensor, clip, (const Arg& x, const BoundKeywords& k), x, k.min, k.max)
LILITH_ROW(bool, allclose, (const Arg& x, const Arg& y, const CloseKeywords& k), x, y, k.rtol,
           k.atol, k.equal_nan)
LILITH_ROW(Tensor, isclose, (const Arg& x, const Arg& y, const CloseKeywords& k), x, y, k.rtol,
           k.atol, k.equal_nan)
LILITH_ROW(Tensor, add, (const Arg& x, const Arg& y, const AlphaKeyword& k), x, y, k.alpha)
LILITH_ROW(Tensor, sub, (const Arg& x, const Arg& y, const AlphaKeyword& k), x, y, k.alpha)
LILITH_ROW(Tensor, div, (const Arg& x, const Arg& y, const RoundingKeyword& k), x, y,
           k.rounding_mode)
LILITH_ROW(Tensor, triu, (const Arg& x, const DiagonalKeyword& k), x, k.diagonal)
LILITH_ROW(Tensor, tril, (const Arg& x, const DiagonalKeyword& k), x, k.diagonal)
LILITH_ROW(Tensor, cumsum, (const Arg& x, Dim dim, const DTypeKeyword& k), x, dim, k.dtype)
LILITH_ROW(Tensor, cumprod, (const Arg& x, Dim dim, const DTypeKeyword& k), x, dim, k.dtype)
LILITH_ROW(Tensor, quantile, (const Arg& x, const Arg& q, const QuantileKeywords& k), x, q, k.dim,
           k.keepdim, k.interpolation)
LILITH_ROW(Tensor, nanquantile, (const Arg& x, const Arg& q, const QuantileKeywords& k), x, q,
           k.dim, k.keepdim, k.interpolation)
LILITH_ROW(Tensor, nan_to_num, (const Arg& x, const NanToNumKeywords& k), x, k.nan, k.posinf,
           k.neginf)
LILITH_ROW(Tensor, repeat_interleave, (const Arg& x, Int n, const RepeatKeyword& k), x, n, k.dim)
LILITH_ROW(Tensor, repeat_interleave, (const Arg& x, const Tensor& n, const RepeatKeyword& k), x, n,
           k.dim)
#define LILITH_WITH_BETA(name)                                                                   \
  LILITH_ROW(Tensor, name, (const Arg& x, const Arg& a, const Arg& b, const BetaKeywords& k), x, \
             a, b, k.beta, k.alpha)
LILITH_WITH_BETA(addmm)
LILITH_WITH_BETA(addmv)
LILITH_WITH_BETA(addr)
LILITH_WITH_BETA(addbmm)
LILITH_WITH_BETA(baddbmm)
#undef LILITH_WITH_BETA
LILITH_ROW(Tensor, addcmul, (const Arg& x, const Arg& a, const Arg& b, const ValueKeyword& k), x, a,
           b, k.value)
LILITH_ROW(Tensor, addcdiv, (const Arg& x, const Arg& a, const Arg& b, const ValueKeyword& k), x, a,
           b, k.value)
LILITH_ROW(Tensor, diff, (const Arg& x, const DiffKeywords& k), x, k.n, k.dim, k.prepend, k.append)
LILITH_ROW(Tensor, trapezoid, (const Arg& x, const TrapezoidKeywords& k), x, k.dx, k.dim)
LILITH_ROW(Tensor, cumulative_trapezoid, (const Arg& x, const TrapezoidKeywords& k), x, k.dx, k.dim)
LILITH_ROW(Tensor, round, (const Arg& x, const DecimalsKeyword& k), x, k.decimals)
LILITH_ROW(Tensor, bincount, (const Arg& x, const MinlengthKeyword& k), x, k.weights, k.minlength)
LILITH_ROW(Tensor, multinomial, (const Arg& x, Int n, const MultinomialKeywords& k), x, n,
           k.replacement, k.generator)
LILITH_ROW(Tensor, pad, (const Arg& x, const std::vector<std::int64_t>& p, const PadKeywords& k), x,
           p, k.mode, static_cast<double>(k.value))
LILITH_ROW(Tensor, dropout, (const Arg& x, const DropoutKeywords& k), x, k.p, k.training)
LILITH_ROW(Tensor, dropout, (const Arg& x, Real p, const TrainingKeyword& k), x, p, k.training)
LILITH_ROW(Tensor, gelu, (const Arg& x, const GeluKeywords& k), x, k.approximate)
LILITH_ROW(Tensor, leaky_relu, (const Arg& x, const LeakyReluKeywords& k), x, k.negative_slope)
LILITH_ROW(Tensor, softplus, (const Arg& x, const SoftplusKeywords& k), x, k.beta, k.threshold)
LILITH_ROW(Tensor, gumbel_softmax, (const Arg& x, const GumbelKeywords& k), x, k.tau, k.hard, k.dim)
LILITH_ROW(Tensor, normalize, (const Arg& x, const NormalizeKeywords& k), x, k.p, k.dim, k.eps)
LILITH_ROW(Tensor, cosine_similarity, (const Arg& x, const Arg& y, const SimilarityKeywords& k), x,
           y, k.dim, k.eps)
LILITH_ROW(Tensor, pairwise_distance, (const Arg& x, const Arg& y, const DistanceKeywords& k), x, y,
           k.p, k.eps, k.keepdim)
LILITH_ROW(Tensor, one_hot, (const Arg& x, const OneHotKeyword& k), x, k.num_classes)
LILITH_ROW(Tensor, scaled_dot_product_attention,
           (const Arg& x, const Tensor& key, const Tensor& value, const AttentionKeywords& k), x,
           key, value, k.attn_mask, k.dropout_p, k.is_causal, k.scale, k.enable_gqa)
LILITH_ROW(Tensor, batch_norm,
           (const Arg& x, const Tensor& mean, const Tensor& variance, const BatchNormKeywords& k),
           x, mean, variance, k.weight, k.bias, k.training, k.momentum, k.eps)
LILITH_ROW(Tensor, layer_norm, (const Arg& x, const IntList& shape, const LayerNormKeywords& k), x,
           shape, k.weight, k.bias, k.eps)
LILITH_ROW(Tensor, group_norm, (const Arg& x, Int groups, const GroupNormKeywords& k), x, groups,
           k.weight, k.bias, k.eps)
#define LILITH_CONV(D)                                                                         \
  LILITH_ROW(Tensor, conv##D##d, (const Arg& x, const Tensor& w, const ConvKeywords& k), x, w, \
             k.bias, k.stride, k.padding, k.dilation, k.groups)                                \
  LILITH_ROW(Tensor, conv_transpose##D##d,                                                     \
             (const Arg& x, const Tensor& w, const ConvTransposeKeywords& k), x, w, k.bias,    \
             k.stride, k.padding, k.output_padding, k.groups, k.dilation)
LILITH_CONV(1)
LILITH_CONV(2)
LILITH_CONV(3)
#undef LILITH_CONV

namespace linalg {
LILITH_ROW(Tensor, norm, (const Arg& x, const LinalgNormKeywords& k), x, k.ord, k.dim, k.keepdim,
           k.dtype)
LILITH_ROW(Tensor, norm, (const Arg& x, Real ord, const SumKeywords& k), x, ord, k.dim, k.keepdim,
           k.dtype)
LILITH_ROW(Tensor, norm, (const Arg& x, MatrixNorm ord, const SumKeywords& k), x, ord, k.dim,
           k.keepdim, k.dtype)
LILITH_ROW(Tensor, vector_norm, (const Arg& x, const LinalgNormKeywords& k), x, k.ord.value_or(2),
           k.dim, k.keepdim, k.dtype)
LILITH_ROW(Tensor, vector_norm, (const Arg& x, Real ord, const SumKeywords& k), x, ord, k.dim,
           k.keepdim, k.dtype)
Tensor solve_triangular(const Arg& A, const Arg& B, const TriangularKeywords& k) {
  const LocScope scope(A.loc());
  LILITH_CHECK(k.upper, "solve_triangular: .upper is missing; need true or false");
  return linalg::solve_triangular(A, B, *k.upper, k.left, k.unitriangular);
}
SvdResult svd(const Arg& x, const FullMatricesKeyword& k) {
  const LocScope scope(x.loc());
  return linalg::svd(x, k.full_matrices);
}
}  // namespace linalg

namespace fft {
namespace {
IntList last_two(const IntList& dim) { return dim.empty() ? IntList{-2, -1} : dim; }
}  // namespace
#define LILITH_FFT(name)                                                                      \
  LILITH_ROW(Tensor, name, (const Arg& x, const FftKeywords& k), x, k.n, k.dim, k.norm)       \
  LILITH_ROW(Tensor, name##n, (const Arg& x, const FftnKeywords& k), x, k.s, k.dim, k.norm)   \
  LILITH_ROW(Tensor, name##2, (const Arg& x, const FftnKeywords& k), x, k.s, last_two(k.dim), \
             k.norm)
LILITH_FFT(fft)
LILITH_FFT(ifft)
LILITH_FFT(rfft)
LILITH_FFT(irfft)
LILITH_FFT(hfft)
LILITH_FFT(ihfft)
#undef LILITH_FFT
#undef LILITH_ROW
}  // namespace fft

std::vector<Tensor> nonzero(const Arg& x, const AsTupleKeyword& k) {
  const LocScope scope(x.loc());
  LILITH_CHECK(k.as_tuple, "nonzero: as_tuple = false; that is nonzero(x)");
  return nonzero_as_tuple(x);
}

namespace {
Tensor& set(Tensor& x, const Tensor& value) {
  x.rebind(value);
  if (x.tie_tag().tagged()) x.tie_tag().set_fresh(true);
  return x;
}
}  // namespace
Tensor& relu_(Tensor& x, SourceLocation loc) { return x.relu_(loc); }
Tensor& leaky_relu_(Tensor& x, Real negative_slope, SourceLocation loc) {
  const LocScope scope(loc);
  return set(x, leaky_relu(x, negative_slope));
}
Tensor& elu_(Tensor& x, Real alpha, SourceLocation loc) {
  const LocScope scope(loc);
  return set(x, elu(x, alpha));
}

}  // namespace lilith
