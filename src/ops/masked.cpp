#include "lilith/ops/masked.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/decompositions.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/scatter.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/sorting.h"
#include "ops/operand.h"

// What a mask leaves out is what the operation begins with.
namespace lilith::pytorch::masked {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

void check_mask(const char* op, const Tensor& x, const Tensor& mask) {
  bool fits = mask.ndim() <= x.ndim();
  for (int d = 1; fits && d <= mask.ndim(); ++d)
    fits = mask.size(-d) == x.size(-d) || mask.size(-d) == 1;
  LILITH_CHECK(mask.dtype() == DType::Bool && fits,
               "masked::{}: x is {}, mask {}; need bool that broadcasts to x", op, x.aval().str(),
               mask.aval().str());
}

Tensor filled(const char* op, const Tensor& x, const Tensor& mask, const Tensor& start) {
  if (!mask.defined()) return x;
  check_mask(op, x, mask);
  return where(mask, x, start);
}

// The least and the largest number of a dtype.
Tensor least(const Tensor& x, bool largest) {
  if (is_floating(x.dtype())) return full_like(x, largest ? kInf : -kInf);
  if (x.dtype() == DType::Bool) return full_like(x, largest);
  const bool is_unsigned = x.dtype() == DType::U8;
  const int bits = static_cast<int>(size_of(x.dtype())) * 8 - (is_unsigned ? 0 : 1);
  const std::int64_t high =
      bits == 63 ? std::numeric_limits<std::int64_t>::max() : (std::int64_t{1} << bits) - 1;
  return full_like(x, largest ? high : is_unsigned ? 0 : -high - 1);
}

Tensor given(const Arg& x, const std::optional<DType>& dtype) {
  return dtype ? x.tensor().to(*dtype) : x.tensor();
}

// How many elements count along each line.
Tensor counts(const char* op, const Tensor& x, const Tensor& mask, const IntList& dim,
              bool keepdim) {
  if (mask.defined()) check_mask(op, x, mask);
  const Tensor all =
      mask.defined() ? broadcast_to(mask, x.shape()) : full_like(x, true, DType::Bool);
  return lilith::sum(all, dim, keepdim);
}

Tensor spread(const char* op, const Arg& x, const IntList& dim, double correction,
              const ReductionOptions& o) {
  const Tensor t = is_floating(x.tensor().dtype()) ? given(x, o.dtype)
                                                   : x.tensor().to(o.dtype.value_or(DType::F32));
  const Tensor mean = lilith::sum(filled(op, t, o.mask, full_like(t, 0)), dim, true) /
                      counts(op, t, o.mask, dim, true).to(t.dtype());
  const Tensor off = t - mean, squares = filled(op, off * off, o.mask, full_like(t, 0));
  const Tensor count = counts(op, t, o.mask, dim, o.keepdim).to(t.dtype());
  return lilith::sum(squares, dim, o.keepdim) / clamp_min(count - correction, 0);
}

}  // namespace

Tensor sum(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::sum(filled("sum", t, o.mask, full_like(t, 0)), dim, o.keepdim, o.dtype);
}
Tensor prod(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  Tensor y = filled("prod", t, o.mask, full_like(t, 1));
  if (dim.empty() && !o.keepdim) return lilith::prod(y, std::nullopt, false, o.dtype);
  std::vector<std::int64_t> dims = ops::wrap_dims("masked::prod", dim, t.ndim());
  std::ranges::sort(dims, std::greater<>());
  if (dims.empty()) return lilith::prod(y, std::nullopt, false, o.dtype);
  for (const std::int64_t d : dims) y = lilith::prod(y, Dim(d), o.keepdim, o.dtype);
  return y;
}
Tensor amax(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::amax(filled("amax", t, o.mask, least(t, false)), dim, o.keepdim);
}
Tensor amin(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::amin(filled("amin", t, o.mask, least(t, true)), dim, o.keepdim);
}
Tensor mean(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  if (!o.mask.defined()) return lilith::mean(t, dim, o.keepdim, o.dtype);
  return lilith::sum(filled("mean", t, o.mask, full_like(t, 0)), dim, o.keepdim) /
         counts("mean", t, o.mask, dim, o.keepdim);
}
Tensor logsumexp(const Arg& x, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::logsumexp(filled("logsumexp", t, o.mask, least(t, false)), dim, o.keepdim);
}
Tensor argmax(const Arg& x, std::optional<Dim> dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::argmax(filled("argmax", t, o.mask, least(t, false)), dim, o.keepdim);
}
Tensor argmin(const Arg& x, std::optional<Dim> dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::argmin(filled("argmin", t, o.mask, least(t, true)), dim, o.keepdim);
}
Tensor median(const Arg& x, Dim dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  LILITH_CHECK(is_floating(t.dtype()), "masked::median: x is {}; need a floating dtype",
               t.aval().str());
  const Tensor none = full_like(t, std::numeric_limits<double>::quiet_NaN());
  return nanmedian(filled("median", t, o.mask, none), dim, o.keepdim).values;
}
Tensor norm(const Arg& x, Real ord, const IntList& dim, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  const Tensor start = full_like(t, ord < 0 ? kInf : 0);
  return linalg::vector_norm(filled("norm", t, o.mask, start), ord, dim, o.keepdim, o.dtype);
}
Tensor var(const Arg& x, const IntList& dim, Real correction, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return spread("var", x, dim, correction, o);
}
Tensor std(const Arg& x, const IntList& dim, Real correction, const ReductionOptions& o) {
  const LocScope scope(x.loc());
  return sqrt(spread("std", x, dim, correction, o));
}

Tensor softmax(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::softmax(filled("softmax", t, o.mask, least(t, false)), dim);
}
Tensor log_softmax(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::log_softmax(filled("log_softmax", t, o.mask, least(t, false)), dim);
}
Tensor softmin(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::softmin(filled("softmin", t, o.mask, least(t, true)), dim);
}
Tensor cumsum(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::cumsum(filled("cumsum", t, o.mask, full_like(t, 0)), dim, o.dtype);
}
Tensor cumprod(const Arg& x, Dim dim, const MaskOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  return lilith::cumprod(filled("cumprod", t, o.mask, full_like(t, 1)), dim, o.dtype);
}
Tensor normalize(const Arg& x, Real ord, Dim dim, Real eps, const MaskOptions& o) {
  const LocScope scope(x.loc());
  const Tensor t = given(x, o.dtype);
  const Tensor size = norm(t, ord, dim, {.keepdim = true, .mask = o.mask});
  return filled("normalize", t, o.mask, full_like(t, 0)) / maximum(size, full_like(size, eps));
}
Tensor logaddexp(const Arg& x, const Arg& other, const PairMaskOptions& o) {
  const LocScope scope(x.loc());
  const Tensor a = given(x, o.dtype), b = given(other, o.dtype);
  return lilith::logaddexp(filled("logaddexp", a, o.input_mask, least(a, false)),
                           filled("logaddexp", b, o.other_mask, least(b, false)));
}

}  // namespace lilith::pytorch::masked
