#pragma once
#include "lilith/ops/loss.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

// The functions of lilith/ops/loss.h as callables, with torch.nn's names, options and defaults:
// CrossEntropyLoss{.label_smoothing = 0.1}(logits, target).

struct NLLLoss {
  Buffer weight = {};
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct CrossEntropyLoss {
  Buffer weight = {};
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::Mean;
  double label_smoothing = 0;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct MSELoss {
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct L1Loss {
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct BCELoss {
  Buffer weight = {};
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct BCEWithLogitsLoss {
  Buffer weight = {};
  Reduction reduction = Reduction::Mean;
  Buffer pos_weight = {};
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct SmoothL1Loss {
  Reduction reduction = Reduction::Mean;
  double beta = 1;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct HuberLoss {
  Reduction reduction = Reduction::Mean;
  double delta = 1;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct KLDivLoss {
  KLDivReduction reduction = KLDivReduction::Mean;
  bool log_target = false;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct GaussianNLLLoss {
  bool full = false;
  double eps = 1e-6;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target, const Tensor& var,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct PoissonNLLLoss {
  bool log_input = true;
  bool full = false;
  double eps = 1e-8;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct SoftMarginLoss {
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct HingeEmbeddingLoss {
  double margin = 1;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct MultiLabelSoftMarginLoss {
  Buffer weight = {};
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct MultiMarginLoss {
  double p = 1;
  double margin = 1;
  Buffer weight = {};
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& input, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// target is 1 where a should rank higher, else -1.
struct MarginRankingLoss {
  double margin = 0;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& a, const Tensor& b, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
/// target is 1 where a and b should be alike, else -1.
struct CosineEmbeddingLoss {
  double margin = 0;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& a, const Tensor& b, const Tensor& target,
                    SourceLocation loc = SourceLocation::current()) const;
};
struct TripletMarginLoss {
  double margin = 1;
  double p = 2;
  double eps = 1e-6;
  bool swap = false;
  Reduction reduction = Reduction::Mean;
  Tensor operator()(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                    SourceLocation loc = SourceLocation::current()) const;
};

}  // namespace lilith
