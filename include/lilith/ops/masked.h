#pragma once
#include <optional>

#include "lilith/ops/choices.h"
#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

// torch.masked: reductions, normalisations and running totals of the elements where a mask is true.
// It broadcasts to x; none takes all. What is left without elements gives what the operation begins
// with: 0, 1, -inf …; means, medians and softmaxes NaN. Ref: torch.masked
namespace lilith::pytorch::masked {

struct ReductionOptions {
  bool keepdim = false;
  std::optional<DType> dtype = {};
  Tensor mask = {};
};
Tensor sum(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
Tensor prod(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
Tensor amax(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
Tensor amin(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
Tensor mean(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
Tensor logsumexp(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
/// i64; without a dim of the flattened x.
Tensor argmax(const Arg& x, std::optional<Dim> dim = {}, const ReductionOptions& options = {});
Tensor argmin(const Arg& x, std::optional<Dim> dim = {}, const ReductionOptions& options = {});
/// The lower of two middle ones.
Tensor median(const Arg& x, Dim dim = -1, const ReductionOptions& options = {});
/// The ord-norm of vectors.
Tensor norm(const Arg& x, Real ord = 2, const IntList& dim = {},
            const ReductionOptions& options = {});
/// Over the number of elements less the correction (Bessel's: 1), at least 0.
Tensor var(const Arg& x, const IntList& dim = {}, Real correction = 1,
           const ReductionOptions& options = {});
Tensor std(const Arg& x, const IntList& dim = {}, Real correction = 1,
           const ReductionOptions& options = {});

struct MaskOptions {
  std::optional<DType> dtype = {};
  Tensor mask = {};
};
Tensor softmax(const Arg& x, Dim dim, const MaskOptions& options = {});
Tensor log_softmax(const Arg& x, Dim dim, const MaskOptions& options = {});
Tensor softmin(const Arg& x, Dim dim, const MaskOptions& options = {});
Tensor cumsum(const Arg& x, Dim dim, const MaskOptions& options = {});
Tensor cumprod(const Arg& x, Dim dim, const MaskOptions& options = {});
/// x over its norm, or eps where that is less; 0 where the mask is false.
Tensor normalize(const Arg& x, Real ord, Dim dim, Real eps = 1e-12,
                 const MaskOptions& options = {});

struct PairMaskOptions {
  std::optional<DType> dtype = {};
  Tensor input_mask = {}, other_mask = {};
};
Tensor logaddexp(const Arg& x, const Arg& other, const PairMaskOptions& options = {});

}  // namespace lilith::pytorch::masked
