#include "lilith/nn/loss.h"

namespace lilith {

Tensor NLLLoss::operator()(const Tensor& input, const Tensor& target, SourceLocation loc) const {
  LocScope scope(loc);
  return nll_loss(input, target,
                  {.weight = weight, .ignore_index = ignore_index, .reduction = reduction});
}
Tensor CrossEntropyLoss::operator()(const Tensor& input, const Tensor& target,
                                    SourceLocation loc) const {
  LocScope scope(loc);
  return cross_entropy_loss(input, target,
                            {.weight = weight,
                             .ignore_index = ignore_index,
                             .reduction = reduction,
                             .label_smoothing = label_smoothing});
}
Tensor MSELoss::operator()(const Tensor& input, const Tensor& target, SourceLocation loc) const {
  LocScope scope(loc);
  return mse_loss(input, target, reduction);
}
Tensor L1Loss::operator()(const Tensor& input, const Tensor& target, SourceLocation loc) const {
  LocScope scope(loc);
  return l1_loss(input, target, reduction);
}
Tensor BCELoss::operator()(const Tensor& input, const Tensor& target, SourceLocation loc) const {
  LocScope scope(loc);
  return binary_cross_entropy(input, target, weight, reduction);
}
Tensor BCEWithLogitsLoss::operator()(const Tensor& input, const Tensor& target,
                                     SourceLocation loc) const {
  LocScope scope(loc);
  return binary_cross_entropy_with_logits(
      input, target, {.weight = weight, .reduction = reduction, .pos_weight = pos_weight});
}
Tensor SmoothL1Loss::operator()(const Tensor& input, const Tensor& target,
                                SourceLocation loc) const {
  LocScope scope(loc);
  return smooth_l1_loss(input, target, reduction, beta);
}
Tensor HuberLoss::operator()(const Tensor& input, const Tensor& target, SourceLocation loc) const {
  LocScope scope(loc);
  return huber_loss(input, target, reduction, delta);
}
Tensor KLDivLoss::operator()(const Tensor& input, const Tensor& target, SourceLocation loc) const {
  LocScope scope(loc);
  return kl_div(input, target, reduction, log_target);
}
Tensor GaussianNLLLoss::operator()(const Tensor& input, const Tensor& target, const Tensor& var,
                                   SourceLocation loc) const {
  LocScope scope(loc);
  return gaussian_nll_loss(input, target, var, {.full = full, .eps = eps, .reduction = reduction});
}
Tensor PoissonNLLLoss::operator()(const Tensor& input, const Tensor& target,
                                  SourceLocation loc) const {
  LocScope scope(loc);
  return poisson_nll_loss(
      input, target, {.log_input = log_input, .full = full, .eps = eps, .reduction = reduction});
}
Tensor SoftMarginLoss::operator()(const Tensor& input, const Tensor& target,
                                  SourceLocation loc) const {
  LocScope scope(loc);
  return soft_margin_loss(input, target, reduction);
}
Tensor HingeEmbeddingLoss::operator()(const Tensor& input, const Tensor& target,
                                      SourceLocation loc) const {
  LocScope scope(loc);
  return hinge_embedding_loss(input, target, margin, reduction);
}
Tensor MultiLabelSoftMarginLoss::operator()(const Tensor& input, const Tensor& target,
                                            SourceLocation loc) const {
  LocScope scope(loc);
  return multilabel_soft_margin_loss(input, target, weight, reduction);
}
Tensor MultiMarginLoss::operator()(const Tensor& input, const Tensor& target,
                                   SourceLocation loc) const {
  LocScope scope(loc);
  return multi_margin_loss(input, target,
                           {.p = p, .margin = margin, .weight = weight, .reduction = reduction});
}
Tensor MarginRankingLoss::operator()(const Tensor& a, const Tensor& b, const Tensor& target,
                                     SourceLocation loc) const {
  LocScope scope(loc);
  return margin_ranking_loss(a, b, target, margin, reduction);
}
Tensor CosineEmbeddingLoss::operator()(const Tensor& a, const Tensor& b, const Tensor& target,
                                       SourceLocation loc) const {
  LocScope scope(loc);
  return cosine_embedding_loss(a, b, target, margin, reduction);
}
Tensor TripletMarginLoss::operator()(const Tensor& anchor, const Tensor& positive,
                                     const Tensor& negative, SourceLocation loc) const {
  LocScope scope(loc);
  return triplet_margin_loss(
      anchor, positive, negative,
      {.margin = margin, .p = p, .eps = eps, .swap = swap, .reduction = reduction});
}
Tensor TripletMarginWithDistanceLoss::operator()(const Tensor& anchor, const Tensor& positive,
                                                 const Tensor& negative, SourceLocation loc) const {
  LocScope scope(loc);
  return triplet_margin_with_distance_loss(anchor, positive, negative,
                                           {.distance_function = distance_function,
                                            .margin = margin,
                                            .swap = swap,
                                            .reduction = reduction});
}
Tensor MultiLabelMarginLoss::operator()(const Tensor& input, const Tensor& target,
                                        SourceLocation loc) const {
  LocScope scope(loc);
  return multilabel_margin_loss(input, target, reduction);
}
Tensor CTCLoss::operator()(const Tensor& log_probs, const Tensor& targets,
                           const Tensor& input_lengths, const Tensor& target_lengths,
                           SourceLocation loc) const {
  LocScope scope(loc);
  return ctc_loss(log_probs, targets, input_lengths, target_lengths,
                  {.blank = blank, .reduction = reduction, .zero_infinity = zero_infinity});
}
Tensor CTCLoss::operator()(const Tensor& log_probs, const Tensor& targets,
                           const IntList& input_lengths, const IntList& target_lengths,
                           SourceLocation loc) const {
  LocScope scope(loc);
  return ctc_loss(log_probs, targets, input_lengths, target_lengths,
                  {.blank = blank, .reduction = reduction, .zero_infinity = zero_infinity});
}

}  // namespace lilith
