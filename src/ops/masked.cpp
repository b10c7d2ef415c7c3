#include "lilith/ops/masked.h"

#include <limits>

#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/decompositions.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/sorting.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/reduce.h"

// What a mask leaves out is what the operation begins with.
namespace lilith::pytorch::masked {
namespace {

void check_mask(const char* op, const Tensor& x, const Tensor& mask) {
  LILITH_CHECK(mask.dtype() == DType::Bool && ops::broadcasts_into(mask.shape(), x.shape()),
               "masked::{}: x is {}, mask {}; need bool that broadcasts to x", op, x.aval().str(),
               mask.aval().str());
}

// What an operation begins with, like x.
Tensor zero(const Tensor& x) { return ops::full_as(x, 0); }
Tensor one(const Tensor& x) { return ops::full_as(x, 1); }
Tensor none(const Tensor& x) { return ops::full_as(x, std::numeric_limits<double>::quiet_NaN()); }
using Start = Tensor (*)(const Tensor&);

Tensor filled(const char* op, const Tensor& x, const Tensor& mask, Start start) {
  if (!mask.defined()) return x;
  check_mask(op, x, mask);
  return where(mask, x, start(x));
}

Tensor given(const Arg& x, const std::optional<DType>& dtype) {
  return dtype ? x.tensor().to(*dtype) : x.tensor();
}
// What is computed in floating numbers is filled with theirs: integers have no -inf.
Tensor given_floating(const Arg& x, const std::optional<DType>& dtype) {
  return ops::floating(given(x, dtype));
}

// x in the dtype that is asked for, without what the mask leaves out.
template <class Options>
Tensor kept(const char* op, const Arg& x, const Options& o, Start start) {
  return filled(op, given(x, o.dtype), o.mask, start);
}
template <class Options>
Tensor kept_floating(const char* op, const Arg& x, const Options& o, Start start) {
  return filled(op, given_floating(x, o.dtype), o.mask, start);
}

// Running totals of integers are of their dtype, as PyTorch's are.
std::optional<DType> own_type(const Arg& x, const std::optional<DType>& dtype) {
  const DType own = x.tensor().dtype();
  return dtype || !is_integral(own) ? dtype : own;
}

// How many elements count along each line.
Tensor counts(const Tensor& x, const Tensor& mask, const IntList& dim, bool keepdim) {
  const Tensor all =
      mask.defined() ? broadcast_to(mask, x.shape()) : full_like(x, true, DType::Bool);
  return lilith::sum(all, dim, keepdim).to(x.dtype());
}

Tensor spread(const char* op, const Tensor& t, const IntList& dim, double correction,
              const ReductionOptions& o) {
  const Tensor mean =
      lilith::sum(filled(op, t, o.mask, zero), dim, true) / counts(t, o.mask, dim, true);
  // Filled before it is squared, so that what is infinite there has no gradient.
  const Tensor off = filled(op, t - mean, o.mask, zero);
  return lilith::sum(off * off, dim, o.keepdim) /
         clamp_min(counts(t, o.mask, dim, o.keepdim) - correction, 0);
}

}  // namespace

Tensor sum(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return lilith::sum(kept("sum", x, o, zero), dim, o.keepdim, o.dtype);
}
Tensor prod(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return ops::product("masked::prod", kept("prod", x, o, one), dim, o.keepdim, o.dtype);
}
Tensor amax(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return lilith::amax(kept("amax", x, o, ops::lowest_as), dim, o.keepdim);
}
Tensor amin(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return lilith::amin(kept("amin", x, o, ops::highest_as), dim, o.keepdim);
}
Tensor mean(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  LILITH_CHECK(is_floating(t.dtype()),
               "masked::mean: x is {}; need a floating dtype, or one in the options",
               t.aval().str());
  return ops::rounded_once(t, [&](const Tensor& wide) {
    return lilith::sum(filled("mean", wide, o.mask, zero), dim, o.keepdim) /
           counts(wide, o.mask, dim, o.keepdim);
  });
}
Tensor logsumexp(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor y =
      lilith::logsumexp(kept_floating("logsumexp", x, o, ops::lowest_as), dim, o.keepdim);
  const std::optional<DType> whole = own_type(x, o.dtype);
  return whole ? y.to(*whole) : y;
}
Tensor argmax(const Arg& x, std::optional<Dim> dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return lilith::argmax(kept("argmax", x, o, ops::lowest_as), dim, o.keepdim);
}
Tensor argmin(const Arg& x, std::optional<Dim> dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return lilith::argmin(kept("argmin", x, o, ops::highest_as), dim, o.keepdim);
}
Tensor median(const Arg& x, Dim dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  LILITH_CHECK(is_floating(t.dtype()), "masked::median: x is {}; need a floating dtype",
               t.aval().str());
  return nanmedian(filled("median", t, o.mask, none), dim, o.keepdim).values;
}
Tensor norm(const Arg& x, Real ord, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = kept("norm", x, o, ord < 0 ? ops::highest_as : zero);
  return linalg::vector_norm(t, ord, dim, o.keepdim, o.dtype);
}
Tensor var(const Arg& x, const IntList& dim, Real correction, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return ops::rounded_once(given_floating(x, o.dtype),
                           [&](const Tensor& t) { return spread("var", t, dim, correction, o); });
}
Tensor std(const Arg& x, const IntList& dim, Real correction, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return ops::rounded_once(given_floating(x, o.dtype), [&](const Tensor& t) {
    return ops::sqrt_flat_at_zero(spread("std", t, dim, correction, o));
  });
}

Tensor softmax(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  return lilith::softmax(kept_floating("softmax", x, o, ops::lowest_as), dim);
}
Tensor log_softmax(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  return lilith::log_softmax(kept_floating("log_softmax", x, o, ops::lowest_as), dim);
}
Tensor softmin(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  return lilith::softmin(kept_floating("softmin", x, o, ops::highest_as), dim);
}
Tensor cumsum(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  return lilith::cumsum(kept("cumsum", x, o, zero), dim, own_type(x, o.dtype));
}
Tensor cumprod(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  return lilith::cumprod(kept("cumprod", x, o, one), dim, own_type(x, o.dtype));
}
Tensor normalize(const Arg& x, Real ord, Dim dim, Real eps, const MaskOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  const Tensor size = norm(t, ord, dim, {.keepdim = true, .mask = o.mask});
  return filled("normalize", t, o.mask, zero) / maximum(size, full_like(size, eps));
}
Tensor logaddexp(const Arg& x, const Arg& other, const PairMaskOptions& o) {
  const LocScope scope(x.loc());
  const DType dtype = ops::floating_type(o.dtype.value_or(ops::result_type({&x, &other})));
  const Tensor a = x.tensor().to(dtype), b = other.tensor().to(dtype);
  return lilith::logaddexp(filled("logaddexp", a, o.input_mask, ops::lowest_as),
                           filled("logaddexp", b, o.other_mask, ops::lowest_as));
}

}  // namespace lilith::pytorch::masked
