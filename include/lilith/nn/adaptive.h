#pragma once
#include <vector>

#include "lilith/nn/linear.h"
#include "lilith/nn/sequential.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

struct AdaptiveLogSoftmaxOptions {
  Real div_value = 4;  // what a cluster's projection is narrower by than the one before it
  bool head_bias = false;
};
/// output: log-probability of each target, [N] or []; loss: the mean of their negatives.
struct AdaptiveLogSoftmaxResult {
  Tensor output, loss;
};

/// A softmax over many classes of which few are frequent: classes below cutoffs[0] have logits of
/// their own in the head, the others one logit a cluster and a narrower projection within it. The
/// classes are numbered from the frequent to the rare. Errors: cutoffs that do not rise between 1
/// and n_classes - 1; shapes that do not fit. All clusters are computed for all rows, as sizes may
/// not depend on values. Grave et al., arXiv:1609.04309. Ref:
/// torch.nn.AdaptiveLogSoftmaxWithLoss.
class AdaptiveLogSoftmaxWithLoss {
 public:
  AdaptiveLogSoftmaxWithLoss(Int in_features, Int n_classes, std::vector<std::int64_t> cutoffs,
                             const AdaptiveLogSoftmaxOptions& options = {},
                             SourceLocation loc = SourceLocation::current());
  /// input [N, in_features] and target integers [N], or [in_features] and [].
  AdaptiveLogSoftmaxResult operator()(const Tensor& input, const Tensor& target,
                                      SourceLocation loc = SourceLocation::current()) const;
  /// Of all classes: [N, in_features] -> [N, n_classes].
  Tensor log_prob(const Tensor& input, SourceLocation loc = SourceLocation::current()) const;
  /// The likeliest class: [N, in_features] -> i64 [N].
  Tensor predict(const Tensor& input, SourceLocation loc = SourceLocation::current()) const;

  Linear head;                        // [cutoffs[0] + clusters, in_features]
  std::vector<Sequential> tail;       // of two linear layers without biases
  std::vector<std::int64_t> cutoffs;  // with n_classes as the last
  LILITH_FIELDS(head, tail, cutoffs)

 private:
  AdaptiveLogSoftmaxWithLoss(Int in_features, Int n_classes, std::vector<std::int64_t> cutoffs,
                             const AdaptiveLogSoftmaxOptions& options, const LocScope&);
};

}  // namespace lilith
