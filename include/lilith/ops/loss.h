#pragma once
#include <functional>

#include "lilith/detail/choice.h"
#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

namespace lilith {

// torch.nn.functional's losses. Where nothing else is said, input and target are numbers of one
// shape; [N, 1] and [N] are two: an Error says which squeeze or unsqueeze makes them one, where
// PyTorch warns, raises or scores all pairs. Weights broadcast to that shape. The result is 0-d,
// with Reduction::None of the input's shape; its dtype is what the operands promote to, f32 for
// integers.

namespace detail {
struct ReductionNames {
  enum class Kind : std::uint8_t { None, Mean, Sum };
  static constexpr Kind None = Kind::None, Mean = Kind::Mean, Sum = Kind::Sum;
  static constexpr const char* what = "reduction";
  static constexpr std::string_view words[] = {"none", "mean", "sum"};
};
struct KLDivReductionNames {
  enum class Kind : std::uint8_t { None, Mean, Sum, BatchMean };
  static constexpr Kind None = Kind::None, Mean = Kind::Mean, Sum = Kind::Sum,
                        BatchMean = Kind::BatchMean;
  static constexpr const char* what = "reduction";
  static constexpr std::string_view words[] = {"none", "mean", "sum", "batchmean"};
};
}  // namespace detail
/// What a loss does with the values of its elements: Reduction::Sum, or "sum".
using Reduction = detail::Choice<detail::ReductionNames>;

/// F::mse_loss(x, y, {.reduction = "sum"}).
struct ReductionOptions {
  detail::Named named = {};
  Reduction reduction = Reduction::Mean;
};

struct NLLLossOptions {
  Tensor weight = {};       // [C]
  Int ignore_index = -100;  // targets that count neither in the sum nor in the mean
  Reduction reduction = Reduction::Mean;
};
/// -input[n, target[n]], weighted. input: floating log-probabilities [C], [N, C] or [N, C, d…];
/// target: integers [], [N] or [N, d…] -> 0-d, or target's shape, of input's dtype. The mean is
/// over the weights. Errors: other shapes and dtypes; where it runs, a class that is out of range.
/// Ref: torch.nn.functional.nll_loss.
Tensor nll_loss(const Arg& input, const Tensor& target, const NLLLossOptions& options = {});
inline Tensor nll_loss(const Arg& input, const Tensor& target, const Tensor& weight) {
  return nll_loss(input, target, {.weight = weight});
}
struct CrossEntropyLossOptions {
  Tensor weight = {};       // [C]
  Int ignore_index = -100;  // of class indices
  Reduction reduction = Reduction::Mean;
  Real label_smoothing = 0;  // 0 to 1: the part of a target that is spread over all classes
};
/// nll_loss of log_softmax. input: floating logits [C], [N, C] or [N, C, d…]; target: class indices
/// as nll_loss takes them, or floating probabilities of input's shape, whose mean is over N d…
/// -> 0-d, or [N, d…], of input's dtype. Errors: those of nll_loss; label_smoothing out of range.
/// Ref: torch.nn.functional.cross_entropy.
Tensor cross_entropy_loss(const Arg& input, const Tensor& target,
                          const CrossEntropyLossOptions& options = {});
/// The same by the name that it has in torch.nn.functional.
inline Tensor cross_entropy(const Arg& input, const Tensor& target,
                            const CrossEntropyLossOptions& options = {}) {
  const LocScope scope(input.loc());
  return cross_entropy_loss(input, target, options);
}
inline Tensor cross_entropy(const Arg& input, const Tensor& target, const Tensor& weight) {
  return cross_entropy(input, target, {.weight = weight});
}
struct LinearCrossEntropyOptions {
  Tensor linear_bias = {};  // [C] or [C, d…], added to the logits
  Tensor weight = {};       // [C]
  Reduction reduction = Reduction::Mean;
  Int ignore_index = -100;  // of class indices
  Real label_smoothing = 0;
};
/// cross_entropy of linear(input, linear_weight, linear_bias). input [N, E] or [E], linear_weight
/// [C, E], or [C, d…, E] for logits [N, C, d…]; target as cross_entropy takes it. -> 0-d, or
/// with Reduction::None the sizes of the logits without C ([], [N] or [N, d…]), of input's
/// dtype. Errors: shapes that do not fit, those of cross_entropy. Ref:
/// torch.nn.functional.linear_cross_entropy
Tensor linear_cross_entropy(const Arg& input, const Tensor& linear_weight, const Tensor& target,
                            const LinearCrossEntropyOptions& options = {});
/// (input - target)^2. Ref: torch.nn.functional.mse_loss.
Tensor mse_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean);
inline Tensor mse_loss(const Arg& input, const Tensor& target, const ReductionOptions& o) {
  return mse_loss(input, target, o.reduction);
}
/// |input - target|; slope 0 where they are equal. Ref: torch.nn.functional.l1_loss.
Tensor l1_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean);
inline Tensor l1_loss(const Arg& input, const Tensor& target, const ReductionOptions& o) {
  return l1_loss(input, target, o.reduction);
}
struct SmoothL1LossOptions {
  detail::Named named = {};
  Reduction reduction = Reduction::Mean;
  Real beta = 1;
};
/// With d = input - target: 0.5 d^2 / beta where |d| < beta, else |d| - 0.5 beta. Error: beta < 0.
/// Ref: torch.nn.functional.smooth_l1_loss.
Tensor smooth_l1_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean,
                      Real beta = 1);
inline Tensor smooth_l1_loss(const Arg& input, const Tensor& target, const SmoothL1LossOptions& o) {
  return smooth_l1_loss(input, target, o.reduction, o.beta);
}
struct HuberLossOptions {
  detail::Named named = {};
  Reduction reduction = Reduction::Mean;
  Real delta = 1;
};
/// With d = input - target: 0.5 d^2 where |d| <= delta, else delta (|d| - 0.5 delta). Error:
/// delta <= 0. Ref: torch.nn.functional.huber_loss.
Tensor huber_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean,
                  Real delta = 1);
inline Tensor huber_loss(const Arg& input, const Tensor& target, const HuberLossOptions& o) {
  return huber_loss(input, target, o.reduction, o.delta);
}
struct BCELossOptions {
  detail::Named named = {};
  Tensor weight = {};
  Reduction reduction = Reduction::Mean;
};
/// -(t log(p) + (1 - t) log(1 - p)) of probabilities p = input, the logs clamped at -100; the
/// gradient is (p - t) / max(p (1 - p), 1e-12), finite at 0 and 1, as PyTorch's. Ref:
/// torch.nn.functional.binary_cross_entropy.
Tensor binary_cross_entropy(const Arg& input, const Tensor& target, const Tensor& weight = {},
                            Reduction reduction = Reduction::Mean);
inline Tensor binary_cross_entropy(const Arg& input, const Tensor& target,
                                   const BCELossOptions& o) {
  return binary_cross_entropy(input, target, o.weight, o.reduction);
}
struct BCEWithLogitsLossOptions {
  Tensor weight = {};
  Reduction reduction = Reduction::Mean;
  Tensor pos_weight = {};  // the factor of t log(p), usually [C]
};
/// binary_cross_entropy of sigmoid(input), finite for every logit. Ref:
/// torch.nn.functional.binary_cross_entropy_with_logits.
Tensor binary_cross_entropy_with_logits(const Arg& input, const Tensor& target,
                                        const BCEWithLogitsLossOptions& options = {});
using KLDivReduction = detail::Choice<detail::KLDivReductionNames>;
struct KLDivLossOptions {
  detail::Named named = {};
  KLDivReduction reduction = KLDivReduction::Mean;
  bool log_target = false;
};
/// target (log(target) - input), input holding log-probabilities and target probabilities, or with
/// log_target their logarithms. BatchMean: the sum over dimension 0's size. Error: BatchMean of 0-d
/// tensors. Ref: torch.nn.functional.kl_div.
Tensor kl_div(const Arg& input, const Tensor& target,
              KLDivReduction reduction = KLDivReduction::Mean, bool log_target = false);
inline Tensor kl_div(const Arg& input, const Tensor& target, const KLDivLossOptions& o) {
  return kl_div(input, target, o.reduction, o.log_target);
}
struct PoissonNLLLossOptions {
  bool log_input = true;  // input is the logarithm of the rate, else the rate
  bool full = false;      // adds log(target!) by Stirling's formula where target > 1
  Real eps = 1e-8;        // is added to a rate before its logarithm
  Reduction reduction = Reduction::Mean;
};
/// exp(input) - target input; without log_input input - target log(input + eps). Ref:
/// torch.nn.functional.poisson_nll_loss.
Tensor poisson_nll_loss(const Arg& input, const Tensor& target,
                        const PoissonNLLLossOptions& options = {});
struct GaussianNLLLossOptions {
  bool full = false;  // adds 0.5 log(2 pi)
  Real eps = 1e-6;
  Reduction reduction = Reduction::Mean;
};
/// 0.5 (log(var) + (input - target)^2 / var), var at least eps: of input's shape, with sizes of 1,
/// without the last dimension, or a number. The target may repeat for the input. Ref:
/// torch.nn.functional.gaussian_nll_loss.
Tensor gaussian_nll_loss(const Arg& input, const Tensor& target, const Tensor& var,
                         const GaussianNLLLossOptions& options = {});
/// log(1 + exp(-target input)), target 1 or -1. Ref: torch.nn.functional.soft_margin_loss.
Tensor soft_margin_loss(const Arg& input, const Tensor& target,
                        Reduction reduction = Reduction::Mean);
inline Tensor soft_margin_loss(const Arg& input, const Tensor& target, const ReductionOptions& o) {
  return soft_margin_loss(input, target, o.reduction);
}
struct HingeEmbeddingLossOptions {
  detail::Named named = {};
  Real margin = 1;
  Reduction reduction = Reduction::Mean;
};
/// input where target is 1, max(0, margin - input) where it is -1. Ref:
/// torch.nn.functional.hinge_embedding_loss.
Tensor hinge_embedding_loss(const Arg& input, const Tensor& target, Real margin = 1,
                            Reduction reduction = Reduction::Mean);
inline Tensor hinge_embedding_loss(const Arg& input, const Tensor& target,
                                   const HingeEmbeddingLossOptions& o) {
  return hinge_embedding_loss(input, target, o.margin, o.reduction);
}
struct MarginOptions {
  detail::Named named = {};
  Real margin = 0;
  Reduction reduction = Reduction::Mean;
};
/// max(0, -target (a - b) + margin), target 1 where a should rank higher, else -1. a and b are
/// floating and broadcast, of as many dimensions; target has the shape of a - b. Ref:
/// torch.nn.functional.margin_ranking_loss.
Tensor margin_ranking_loss(const Arg& a, const Tensor& b, const Tensor& target, Real margin = 0,
                           Reduction reduction = Reduction::Mean);
inline Tensor margin_ranking_loss(const Arg& a, const Tensor& b, const Tensor& target,
                                  const MarginOptions& o) {
  return margin_ranking_loss(a, b, target, o.margin, o.reduction);
}
/// 1 - cos where target is 1, max(0, cos - margin) where it is -1. a, b: [N, D] and target [N], or
/// [D] and [] -> 0-d, or target's shape. Ref: torch.nn.functional.cosine_embedding_loss.
Tensor cosine_embedding_loss(const Arg& a, const Tensor& b, const Tensor& target, Real margin = 0,
                             Reduction reduction = Reduction::Mean);
inline Tensor cosine_embedding_loss(const Arg& a, const Tensor& b, const Tensor& target,
                                    const MarginOptions& o) {
  return cosine_embedding_loss(a, b, target, o.margin, o.reduction);
}
struct TripletMarginLossOptions {
  Real margin = 1;
  Real p = 2;  // of the norm
  Real eps = 1e-6;
  bool swap = false;  // takes |positive - negative| where it is less than |anchor - negative|
  Reduction reduction = Reduction::Mean;
};
/// max(0, |anchor - positive| - |anchor - negative| + margin), norms over the last dimension. All
/// of as many dimensions, [N, D] or [D], and broadcast -> 0-d, or [N]. Ref:
/// torch.nn.functional.triplet_margin_loss.
Tensor triplet_margin_loss(const Arg& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginLossOptions& options = {});
/// A distance of each row: [N, D], [N, D] -> [N].
using DistanceFunction = std::function<Tensor(const Tensor&, const Tensor&)>;
struct TripletMarginWithDistanceLossOptions {
  DistanceFunction distance_function = {};  // none: pairwise_distance
  Real margin = 1;
  bool swap = false;
  Reduction reduction = Reduction::Mean;
};
/// triplet_margin_loss with a distance of one's own. Ref:
/// torch.nn.functional.triplet_margin_with_distance_loss.
Tensor triplet_margin_with_distance_loss(const Arg& anchor, const Tensor& positive,
                                         const Tensor& negative,
                                         const TripletMarginWithDistanceLossOptions& options = {});
/// binary_cross_entropy_with_logits, averaged over the last dimension, the classes. input, target:
/// [N, C] or [C] -> 0-d, or [N]. Ref: torch.nn.functional.multilabel_soft_margin_loss.
Tensor multilabel_soft_margin_loss(const Arg& input, const Tensor& target,
                                   const Tensor& weight = {},
                                   Reduction reduction = Reduction::Mean);
inline Tensor multilabel_soft_margin_loss(const Arg& input, const Tensor& target,
                                          const BCELossOptions& o) {
  return multilabel_soft_margin_loss(input, target, o.weight, o.reduction);
}
struct MultiMarginLossOptions {
  Real p = 1;  // 1 or 2
  Real margin = 1;
  Tensor weight = {};  // [C], of the target's class
  Reduction reduction = Reduction::Mean;
};
/// The sum over the other classes of max(0, margin - x[target] + x)^p, divided by C. input [N, C]
/// or [C], target integers [N] or [] -> 0-d, or [N], of input's dtype. Errors: other shapes,
/// another p. Ref: torch.nn.functional.multi_margin_loss.
Tensor multi_margin_loss(const Arg& input, const Tensor& target,
                         const MultiMarginLossOptions& options = {});
/// The sum over classes j of the target and i outside of it of max(0, 1 - (x[j] - x[i])), divided
/// by C. input [N, C] or [C]; target: integers of its shape, class numbers before the first
/// negative one -> 0-d, or [N]. Ref: torch.nn.functional.multilabel_margin_loss.
Tensor multilabel_margin_loss(const Arg& input, const Tensor& target,
                              Reduction reduction = Reduction::Mean);
inline Tensor multilabel_margin_loss(const Arg& input, const Tensor& target,
                                     const ReductionOptions& o) {
  return multilabel_margin_loss(input, target, o.reduction);
}
struct CTCLossOptions {
  detail::Named named = {};
  Int blank = 0;
  Reduction reduction = Reduction::Mean;
  bool zero_infinity = false;  // 0, with the gradient 0, for targets that no path spells
};
/// -log of the probability of all paths that spell the target. log_probs: log-probabilities
/// [T, N, C] or [T, C]; targets: class numbers [N, S], or all of them in a row (then
/// target_lengths' values are asked for); input_lengths, target_lengths: integers [N] or []. Mean:
/// each over its target's length first. The gradient is PyTorch's: that of the logits whose
/// log_softmax was taken. Errors: other shapes, a blank that is no class. Ref:
/// torch.nn.functional.ctc_loss; Graves et al., 2006.
Tensor ctc_loss(const Arg& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CTCLossOptions& options = {});
/// The same with lengths that are known.
Tensor ctc_loss(const Arg& log_probs, const Tensor& targets, const IntList& input_lengths,
                const IntList& target_lengths, const CTCLossOptions& options = {});

}  // namespace lilith
