#include <limits>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/sorting.h"
#include "ops/autocast.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/sort.h"

// Running combinations along a dimension, in log2(n) doubling steps (Hillis and Steele, 1986):
// after step s every element holds the combination of the 2^s up to itself.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

// What stood `step` places before along dimension d; `neutral` at the start.
Tensor earlier(const Tensor& x, int d, I step, double neutral) {
  Ints zeros(x.shape().size(), 0), lo = zeros;
  lo[static_cast<std::size_t>(d)] = step;
  return make_pad(slice_dim(x, d, 0, x.shape()[d] - step), lo, zeros, zeros, neutral);
}

template <class F>
Tensor scan(const char* op, const Tensor& x, int dim, double neutral, F&& combine) {
  const int d = wrap_dim(op, dim, x.ndim());
  if (x.ndim() == 0) return x;
  const I n = x.shape()[d];
  Tensor out = x;
  for (I step = 1; step < n; step *= 2) out = combine(out, earlier(out, d, step, neutral));
  return out;
}

Tensor accumulated(const Arg& x, std::optional<DType> dtype) {
  const Tensor t = x.tensor();
  return make_cast(t, dtype.value_or(is_floating(t.dtype()) ? t.dtype() : DType::I64));
}

}  // namespace

// The later of two stays where it is no worse, NaN above all and for good.
Tensor ops::running_place(const Tensor& x, int d, bool largest) {
  Tensor best = stop_gradient(x), place = make_iota(x.shape(), d, DType::I64, x.device());
  for (I step = 1; step < x.shape()[d]; step *= 2) {
    const Tensor before = earlier(best, d, step, 0), place_before = earlier(place, d, step, -1);
    Tensor keeps = largest ? ge(best, before) : le(best, before);
    if (is_floating(x.dtype())) {
      keeps = logical_or(isnan(best), logical_and(logical_not(isnan(before)), keeps));
    }
    keeps = logical_or(keeps, compare("lt", place_before, 0));
    best = make_select(keeps, best, before);
    place = make_select(keeps, place, place_before);
  }
  return place;
}

namespace {

ValuesIndices running_extremum(const char* op, const Tensor& x, int dim, bool largest) {
  const int d = wrap_dim(op, dim, x.ndim());
  if (x.ndim() == 0) return {x, make_full({}, 0, DType::I64, x.device())};
  const Tensor place = running_place(x, d, largest);
  return {x.numel() == 0 ? x : make_gather(x, d, place), place};
}

}  // namespace

ValuesIndices cummax(const Arg& x, Dim dim) {
  LocScope scope(x.loc());
  return running_extremum("cummax", x.tensor(), dim, true);
}
ValuesIndices cummin(const Arg& x, Dim dim) {
  LocScope scope(x.loc());
  return running_extremum("cummin", x.tensor(), dim, false);
}

Tensor cumsum(const Arg& x, Dim dim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return rounded_once(accumulated(dtype ? x : lifted(x), dtype), [&](const Tensor& t) {
    return scan("cumsum", t, dim, 0, [](const Tensor& a, const Tensor& b) { return add(a, b); });
  });
}
Tensor cumprod(const Arg& x, Dim dim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return rounded_once(accumulated(dtype ? x : lifted(x), dtype), [&](const Tensor& t) {
    return scan("cumprod", t, dim, 1, [](const Tensor& a, const Tensor& b) { return mul(a, b); });
  });
}
Tensor logcumsumexp(const Arg& x, Dim dim) {
  LocScope scope(x.loc());
  const Tensor given = floating(x), t = widened(given);
  const int d = wrap_dim("logcumsumexp", dim, t.ndim());
  if (t.ndim() == 0) return given;
  // The largest so far and the sum of exp(x - largest): their sum would lose what the gradient
  // needs.
  Tensor top = stop_gradient(t);
  Tensor sum = make_select(isfinite(top), exp(masked(isfinite(top), sub(t, top))), full_as(t, 1));
  for (I step = 1; step < t.shape()[d]; step *= 2) {
    const Tensor before = earlier(top, d, step, -std::numeric_limits<double>::infinity());
    const Tensor top_of_both = maximum(top, before);
    const auto weighted = [&](const Tensor& s, const Tensor& m) {
      return make_select(eq(m, top_of_both), s, mul(s, exp(sub(m, top_of_both))));
    };
    sum = add(weighted(sum, top), weighted(earlier(sum, d, step, 0), before));
    top = top_of_both;
  }
  return narrowed(add(top, log(sum)), given.dtype());
}

}  // namespace lilith
