#pragma once
#include "lilith/tensor.h"

namespace lilith {

// Input and target have one shape, [N, 1] and [N] are two: an Error says which squeeze or unsqueeze
// makes them one, where PyTorch warns, raises or scores all pairs. Weights broadcast to that shape.

/// What a loss does with the values of its elements.
enum class Reduction : std::uint8_t { None, Mean, Sum };

struct NLLLossOptions {
  Tensor weight = {};  // [C]
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::Mean;
};
/// -input[n, target[n]], weighted. input: log-probabilities [C], [N, C] or [N, C, d…]; target:
/// integers
/// [], [N] or [N, d…]. The mean is over the weights. Ref: torch.nn.functional.nll_loss.
Tensor nll_loss(const Arg& input, const Tensor& target, const NLLLossOptions& options = {});
struct CrossEntropyLossOptions {
  Tensor weight = {};  // [C]
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::Mean;
  double label_smoothing = 0;
};
/// nll_loss of log_softmax; target: class indices, or probabilities of input's shape.
Tensor cross_entropy_loss(const Arg& input, const Tensor& target,
                          const CrossEntropyLossOptions& options = {});
Tensor mse_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean);
Tensor l1_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean);
/// 0.5 d^2 / beta where |d| < beta, else |d| - 0.5 beta.
Tensor smooth_l1_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean,
                      Real beta = 1);
/// 0.5 d^2 where |d| <= delta, else delta (|d| - 0.5 delta).
Tensor huber_loss(const Arg& input, const Tensor& target, Reduction reduction = Reduction::Mean,
                  Real delta = 1);
/// -(t log(p) + (1 - t) log(1 - p)), the logs clamped at -100; the gradient is
/// (p - t) / max(p (1 - p), 1e-12), finite at 0 and 1, as PyTorch's.
Tensor binary_cross_entropy(const Arg& input, const Tensor& target, const Tensor& weight = {},
                            Reduction reduction = Reduction::Mean);
struct BCEWithLogitsLossOptions {
  Tensor weight = {};
  Reduction reduction = Reduction::Mean;
  Tensor pos_weight = {};
};
Tensor binary_cross_entropy_with_logits(const Arg& input, const Tensor& target,
                                        const BCEWithLogitsLossOptions& options = {});
enum class KLDivReduction : std::uint8_t { None, Mean, Sum, BatchMean };
/// target (log(target) - input), input holding log-probabilities.
Tensor kl_div(const Arg& input, const Tensor& target,
              KLDivReduction reduction = KLDivReduction::Mean, bool log_target = false);
struct PoissonNLLLossOptions {
  bool log_input = true;
  bool full = false;
  double eps = 1e-8;
  Reduction reduction = Reduction::Mean;
};
Tensor poisson_nll_loss(const Arg& input, const Tensor& target,
                        const PoissonNLLLossOptions& options = {});
struct GaussianNLLLossOptions {
  bool full = false;
  double eps = 1e-6;
  Reduction reduction = Reduction::Mean;
};
/// 0.5 (log(var) + (input - target)^2 / var), var at least eps: of input's shape, with sizes of 1,
/// without the last dimension, or a number.
Tensor gaussian_nll_loss(const Arg& input, const Tensor& target, const Tensor& var,
                         const GaussianNLLLossOptions& options = {});
/// log(1 + exp(-target input)).
Tensor soft_margin_loss(const Arg& input, const Tensor& target,
                        Reduction reduction = Reduction::Mean);
/// input where target is 1, max(0, margin - input) where it is -1.
Tensor hinge_embedding_loss(const Arg& input, const Tensor& target, Real margin = 1,
                            Reduction reduction = Reduction::Mean);
/// max(0, -target (a - b) + margin). a and b broadcast, of as many dimensions; target has the shape
/// of a - b.
Tensor margin_ranking_loss(const Arg& a, const Tensor& b, const Tensor& target, Real margin = 0,
                           Reduction reduction = Reduction::Mean);
/// 1 - cos where target is 1, max(0, cos - margin) where it is -1. a, b: [N, D] and target [N], or
/// [D] and [].
Tensor cosine_embedding_loss(const Arg& a, const Tensor& b, const Tensor& target, Real margin = 0,
                             Reduction reduction = Reduction::Mean);
struct TripletMarginLossOptions {
  double margin = 1;
  double p = 2;
  double eps = 1e-6;
  bool swap = false;
  Reduction reduction = Reduction::Mean;
};
/// max(0, |anchor - positive| - |anchor - negative| + margin), of as many dimensions each.
Tensor triplet_margin_loss(const Arg& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginLossOptions& options = {});
Tensor multilabel_soft_margin_loss(const Arg& input, const Tensor& target,
                                   const Tensor& weight = {},
                                   Reduction reduction = Reduction::Mean);
struct MultiMarginLossOptions {
  double p = 1;
  double margin = 1;
  Tensor weight = {};
  Reduction reduction = Reduction::Mean;
};
/// The mean over the other classes of max(0, margin - x[target] + x)^p. input [N, C] or [C], target
/// integers [N] or [].
Tensor multi_margin_loss(const Arg& input, const Tensor& target,
                         const MultiMarginLossOptions& options = {});

}  // namespace lilith
