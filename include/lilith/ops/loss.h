#pragma once
#include "lilith/tensor.h"

namespace lilith {

// torch.nn.functional's losses. Where nothing else is said, input and target are numbers of one
// shape; [N, 1] and [N] are two: an Error says which squeeze or unsqueeze makes them one, where
// PyTorch warns, raises or scores all pairs. Weights broadcast to that shape. The result is 0-d,
// with Reduction::None of the input's shape; its dtype is what the operands promote to, f32 for
// integers.

/// What a loss does with the values of its elements.
enum class Reduction : std::uint8_t { None, Mean, Sum };

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
/// (input - target)^2. Ref: torch.nn.functional.mse_loss.
Tensor mse_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean);
/// |input - target|; slope 0 where they are equal. Ref: torch.nn.functional.l1_loss.
Tensor l1_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean);
/// With d = input - target: 0.5 d^2 / beta where |d| < beta, else |d| - 0.5 beta. Error: beta < 0.
/// Ref: torch.nn.functional.smooth_l1_loss.
Tensor smooth_l1_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean,
                      Real beta = 1);
/// With d = input - target: 0.5 d^2 where |d| <= delta, else delta (|d| - 0.5 delta). Error:
/// delta <= 0. Ref: torch.nn.functional.huber_loss.
Tensor huber_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean,
                  Real delta = 1);
/// -(t log(p) + (1 - t) log(1 - p)) of probabilities p = input, the logs clamped at -100; the
/// gradient is (p - t) / max(p (1 - p), 1e-12), finite at 0 and 1, as PyTorch's. Ref:
/// torch.nn.functional.binary_cross_entropy.
Tensor binary_cross_entropy(const Arg& input, const Tensor& target, const Tensor& weight = {},
                            Reduction reduction = Reduction::Mean);
struct BCEWithLogitsLossOptions {
  Tensor weight = {};
  Reduction reduction = Reduction::Mean;
  Tensor pos_weight = {};  // the factor of t log(p), usually [C]
};
/// binary_cross_entropy of sigmoid(input), finite for every logit. Ref:
/// torch.nn.functional.binary_cross_entropy_with_logits.
Tensor binary_cross_entropy_with_logits(const Arg& input, const Tensor& target,
                                        const BCEWithLogitsLossOptions& options = {});
enum class KLDivReduction : std::uint8_t { None, Mean, Sum, BatchMean };
/// target (log(target) - input), input holding log-probabilities and target probabilities, or with
/// log_target their logarithms. BatchMean: the sum over dimension 0's size. Error: BatchMean of 0-d
/// tensors. Ref: torch.nn.functional.kl_div.
Tensor kl_div(const Arg& input, const Tensor& target,
              KLDivReduction reduction = KLDivReduction::Mean, bool log_target = false);
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
/// without the last dimension, or a number. Ref: torch.nn.functional.gaussian_nll_loss.
Tensor gaussian_nll_loss(const Arg& input, const Tensor& target, const Tensor& var,
                         const GaussianNLLLossOptions& options = {});
/// log(1 + exp(-target input)), target 1 or -1. Ref: torch.nn.functional.soft_margin_loss.
Tensor soft_margin_loss(const Arg& input, const Tensor& target,
                        Reduction reduction = Reduction::Mean);
/// input where target is 1, max(0, margin - input) where it is -1. Ref:
/// torch.nn.functional.hinge_embedding_loss.
Tensor hinge_embedding_loss(const Arg& input, const Tensor& target, Real margin = 1,
                            Reduction reduction = Reduction::Mean);
/// max(0, -target (a - b) + margin), target 1 where a should rank higher, else -1. a and b are
/// floating and broadcast, of as many dimensions; target has the shape of a - b. Ref:
/// torch.nn.functional.margin_ranking_loss.
Tensor margin_ranking_loss(const Arg& a, const Tensor& b, const Tensor& target, Real margin = 0,
                           Reduction reduction = Reduction::Mean);
/// 1 - cos where target is 1, max(0, cos - margin) where it is -1. a, b: [N, D] and target [N], or
/// [D] and [] -> 0-d, or target's shape. Ref: torch.nn.functional.cosine_embedding_loss.
Tensor cosine_embedding_loss(const Arg& a, const Tensor& b, const Tensor& target, Real margin = 0,
                             Reduction reduction = Reduction::Mean);
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
/// binary_cross_entropy_with_logits, averaged over the last dimension, the classes. input, target:
/// [N, C] or [C] -> 0-d, or [N]. Ref: torch.nn.functional.multilabel_soft_margin_loss.
Tensor multilabel_soft_margin_loss(const Arg& input, const Tensor& target,
                                   const Tensor& weight = {},
                                   Reduction reduction = Reduction::Mean);
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

}  // namespace lilith
