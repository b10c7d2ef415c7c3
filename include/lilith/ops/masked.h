#pragma once
#include <optional>

#include "lilith/ops/choices.h"
#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

// torch.masked: reductions, normalisations and running totals of the elements of x where a mask is
// true. x: [...] of any dtype, where nothing else is said; the mask: bool that broadcasts to x,
// none takes all. A function computes in options.dtype where that is given. What is left without
// elements gives what the operation begins with, as said below. Errors: a mask that is not bool or
// does not broadcast to x, a dim out of range or named twice. Ref: pytorch.org, torch.masked
namespace lilith::pytorch::masked {

/// keepdim leaves the reduced dimensions with size 1; dtype is that of the computation.
struct ReductionOptions {
  bool keepdim = false;
  std::optional<DType> dtype = {};
  Tensor mask = {};
};
// Over the dimensions `dim`, all of them where there are none: [...] -> [...] without those.

/// Of nothing 0. x's dtype, i64 of integers and bools.
Tensor sum(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
/// Of nothing 1. x's dtype, i64 of integers and bools.
Tensor prod(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
/// Of nothing -inf, or the least number of an integer dtype. x's dtype. Errors: a dimension of
/// size 0.
Tensor amax(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
/// Of nothing inf, or the largest number of an integer dtype. x's dtype. Errors as amax.
Tensor amin(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
/// Of nothing NaN. x's dtype. Errors: integers or bools without options.dtype.
Tensor mean(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
/// log(sum(exp(x))); of nothing -inf. x's dtype: of integers cut to it, as in PyTorch, unless
/// options.dtype is a floating one; f32 of bools.
Tensor logsumexp(const Arg& x, const IntList& dim = {}, const ReductionOptions& options = {});
/// The first place of the largest element, i64 [...] without `dim`; without a dim of the flattened
/// x, []. Of nothing 0.
Tensor argmax(const Arg& x, std::optional<Dim> dim = {}, const ReductionOptions& options = {});
/// The same of the least one.
Tensor argmin(const Arg& x, std::optional<Dim> dim = {}, const ReductionOptions& options = {});
/// The lower of two middle ones; of nothing NaN. x's dtype, which has to be floating.
Tensor median(const Arg& x, Dim dim = -1, const ReductionOptions& options = {});
/// The ord-norm of vectors: sum(|x|^ord)^(1/ord); of nothing 0, or inf where ord < 0. x's dtype,
/// which has to be floating.
Tensor norm(const Arg& x, Real ord = 2, const IntList& dim = {},
            const ReductionOptions& options = {});
/// The squares of what is off the mean, over the number of elements less the correction (Bessel's:
/// 1), at least 0; of too few NaN or inf. x's dtype, f32 of integers and bools.
Tensor var(const Arg& x, const IntList& dim = {}, Real correction = 1,
           const ReductionOptions& options = {});
/// The root of the variance, with the slope 0 where that is 0.
Tensor std(const Arg& x, const IntList& dim = {}, Real correction = 1,
           const ReductionOptions& options = {});

/// dtype is that of the computation and the result.
struct MaskOptions {
  std::optional<DType> dtype = {};
  Tensor mask = {};
};
// Along dim: [...] -> the same shape.

/// exp(x) over its sum, 0 where the mask is false; a line without elements is NaN. x's dtype, f32
/// of integers and bools.
Tensor softmax(const Arg& x, Dim dim, const MaskOptions& options = {});
/// Its logarithm, -inf where the mask is false.
Tensor log_softmax(const Arg& x, Dim dim, const MaskOptions& options = {});
/// softmax of -x.
Tensor softmin(const Arg& x, Dim dim, const MaskOptions& options = {});
/// Running sums, which what is left out adds nothing to. x's dtype, i64 of bools.
Tensor cumsum(const Arg& x, Dim dim, const MaskOptions& options = {});
/// Running products. x's dtype, i64 of bools.
Tensor cumprod(const Arg& x, Dim dim, const MaskOptions& options = {});
/// x over its ord-norm along dim, or over eps where that is larger; 0 where the mask is false. x's
/// dtype, which has to be floating.
Tensor normalize(const Arg& x, Real ord, Dim dim, Real eps = 1e-12,
                 const MaskOptions& options = {});

/// A mask of each operand.
struct PairMaskOptions {
  std::optional<DType> dtype = {};
  Tensor input_mask = {}, other_mask = {};
};
/// log(exp(x) + exp(other)) without what a mask leaves out, -inf where both do. The operands
/// broadcast; the dtype of both, f32 of integers and bools.
Tensor logaddexp(const Arg& x, const Arg& other, const PairMaskOptions& options = {});

}  // namespace lilith::pytorch::masked
