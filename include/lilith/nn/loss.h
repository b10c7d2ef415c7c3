#pragma once
#include "lilith/ops/loss.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

// The functions of lilith/ops/loss.h as callables, with torch.nn's names, options and defaults:
// CrossEntropyLoss{.label_smoothing = 0.1}(logits, target). Shapes, dtypes, formulas and errors are
// the functions'.

/// nll_loss: input log-probabilities [N, C, d…], target class indices. Ref: torch.nn.NLLLoss.
struct NLLLoss {
  Buffer weight = {};
  Int ignore_index = -100;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// cross_entropy_loss: input logits [N, C, d…], target class indices or probabilities. Ref:
/// torch.nn.CrossEntropyLoss.
struct CrossEntropyLoss {
  Buffer weight = {};
  Int ignore_index = -100;
  Reduction reduction = Reduction::Mean;
  Real label_smoothing = 0;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// mse_loss. Ref: torch.nn.MSELoss.
struct MSELoss {
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// l1_loss. Ref: torch.nn.L1Loss.
struct L1Loss {
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// binary_cross_entropy: input probabilities. Ref: torch.nn.BCELoss.
struct BCELoss {
  Buffer weight = {};
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// binary_cross_entropy_with_logits. Ref: torch.nn.BCEWithLogitsLoss.
struct BCEWithLogitsLoss {
  Buffer weight = {};
  Reduction reduction = Reduction::Mean;
  Buffer pos_weight = {};
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// smooth_l1_loss. Ref: torch.nn.SmoothL1Loss.
struct SmoothL1Loss {
  Reduction reduction = Reduction::Mean;
  Real beta = 1;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// huber_loss. Ref: torch.nn.HuberLoss.
struct HuberLoss {
  Reduction reduction = Reduction::Mean;
  Real delta = 1;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// kl_div: input log-probabilities. Ref: torch.nn.KLDivLoss.
struct KLDivLoss {
  KLDivReduction reduction = KLDivReduction::Mean;
  bool log_target = false;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// gaussian_nll_loss. Ref: torch.nn.GaussianNLLLoss.
struct GaussianNLLLoss {
  bool full = false;
  Real eps = 1e-6;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target, const Tensor& var,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// poisson_nll_loss. Ref: torch.nn.PoissonNLLLoss.
struct PoissonNLLLoss {
  bool log_input = true;
  bool full = false;
  Real eps = 1e-8;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// soft_margin_loss: target 1 or -1. Ref: torch.nn.SoftMarginLoss.
struct SoftMarginLoss {
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// hinge_embedding_loss: target 1 or -1. Ref: torch.nn.HingeEmbeddingLoss.
struct HingeEmbeddingLoss {
  Real margin = 1;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// multilabel_soft_margin_loss: input and target [N, C]. Ref:
/// torch.nn.MultiLabelSoftMarginLoss.
struct MultiLabelSoftMarginLoss {
  Buffer weight = {};
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// multi_margin_loss: input [N, C], target class indices [N]. Ref: torch.nn.MultiMarginLoss.
struct MultiMarginLoss {
  Real p = 1;
  Real margin = 1;
  Buffer weight = {};
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// margin_ranking_loss: target is 1 where a should rank higher, else -1. Ref:
/// torch.nn.MarginRankingLoss.
struct MarginRankingLoss {
  Real margin = 0;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& a, const Tensor& b, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// cosine_embedding_loss: target is 1 where a and b should be alike, else -1. Ref:
/// torch.nn.CosineEmbeddingLoss.
struct CosineEmbeddingLoss {
  Real margin = 0;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& a, const Tensor& b, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// triplet_margin_loss. Ref: torch.nn.TripletMarginLoss.
struct TripletMarginLoss {
  Real margin = 1;
  Real p = 2;
  Real eps = 1e-6;
  bool swap = false;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// triplet_margin_with_distance_loss. Ref: torch.nn.TripletMarginWithDistanceLoss.
struct TripletMarginWithDistanceLoss {
  DistanceFunction distance_function = {};
  Real margin = 1;
  bool swap = false;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                    SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(margin, swap, reduction)
};
/// multilabel_margin_loss: target class numbers before the first negative one. Ref:
/// torch.nn.MultiLabelMarginLoss.
struct MultiLabelMarginLoss {
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// ctc_loss: log-probabilities [T, N, C], targets [N, S] or in a row. Ref: torch.nn.CTCLoss.
struct CTCLoss {
  Int blank = 0;
  Reduction reduction = Reduction::Mean;
  bool zero_infinity = false;
  Tensor operator()(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                    const Tensor& target_lengths,
                    SourceLocation loc = SourceLocation::current()) const;
  Tensor operator()(const Tensor& log_probs, const Tensor& targets, const IntList& input_lengths,
                    const IntList& target_lengths,
                    SourceLocation loc = SourceLocation::current()) const;
};

}  // namespace lilith
