#include "lilith/ops/sorting.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/one_device.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/sort.h"

// Functions that rest on the order of rows: argsort of the last dimension, and gathers.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

// The order that puts dimension d last, and back.
Ints last_is(int rank, int d) {
  Ints perm = other_dims(rank, Ints{d});
  perm.push_back(d);
  return perm;
}
Tensor to_last(const Tensor& x, int d) { return make_transpose(x, last_is(x.ndim(), d)); }
Tensor from_last(const Tensor& x, int d) {
  return make_transpose(x, inverse_permutation(last_is(x.ndim(), d)));
}

/// An operand with at least one dimension, and the dimension that is meant.
struct Along {
  Tensor x;
  int dim;
  bool is_scalar;
  I n() const { return x.shape()[dim]; }
  /// Of x's rank; x without the dimension where not kept.
  Tensor shaped(const Tensor& t, bool keepdim) const {
    if (is_scalar) return make_reshape(t, {});
    return keepdim ? t : squeeze(t, dim);
  }
};

Along along(const char* op, const Tensor& x, Dim dim) {
  const int d = wrap_dim(op, dim, x.ndim());
  return {atleast_1d(x), d, x.ndim() == 0};
}

Tensor ranks(const Along& a, I first, I count, bool descending) {
  return from_last(make_argsort(stop_gradient(to_last(a.x, a.dim)), first, count, descending),
                   a.dim);
}

// What stands at these places; the gradient goes there.
Tensor values_at(const Along& a, const Tensor& places) {
  if (places.numel() == 0) return make_full(places.shape(), 0, a.x.dtype(), a.x.device());
  return make_gather(a.x, a.dim, places);
}

ValuesIndices chosen(const Along& a, const Tensor& places, bool keepdim) {
  return {a.shaped(values_at(a, places), keepdim), a.shaped(places, keepdim)};
}

void check_not_empty(const char* op, const Along& a) {
  LILITH_CHECK(a.n() > 0, "{}: dimension {} of {} is empty", op, a.dim, a.x.aval().str());
}

}  // namespace

Tensor argsort(const Arg& x, Dim dim, bool descending, bool) {
  LocScope scope(x.loc());
  const Along a = along("argsort", x.tensor(), dim);
  return a.shaped(ranks(a, 0, a.n(), descending), true);
}

ValuesIndices sort(const Arg& x, Dim dim, bool descending, bool) {
  LocScope scope(x.loc());
  const Along a = along("sort", x.tensor(), dim);
  return chosen(a, ranks(a, 0, a.n(), descending), true);
}

Tensor msort(const Arg& x) {
  LocScope scope(x.loc());
  LILITH_CHECK(x.tensor().ndim() > 0, "msort: got a 0-d tensor; need at least 1 dimension");
  const Along a = along("msort", x.tensor(), 0);
  return chosen(a, ranks(a, 0, a.n(), false), true).values;
}

ValuesIndices topk(const Arg& x, Int k, Dim dim, bool largest, bool) {
  LocScope scope(x.loc());
  const Along a = along("topk", x.tensor(), dim);
  LILITH_CHECK(k >= 0 && k <= a.n(), "topk: k is {} for {}; need 0 <= k <= {}, the size of dim {}",
               k, x.tensor().aval().str(), a.n(), a.dim);
  if (a.is_scalar && k == 0) {
    const Tensor none = make_full({0}, 0, DType::I64, a.x.device());
    return {values_at(a, none), none};
  }
  return chosen(a, ranks(a, 0, k, largest), true);
}

ValuesIndices kthvalue(const Arg& x, Int k, Dim dim, bool keepdim) {
  LocScope scope(x.loc());
  const Along a = along("kthvalue", x.tensor(), dim);
  LILITH_CHECK(k >= 1 && k <= a.n(),
               "kthvalue: k is {} for {}; need 1 <= k <= {}, the size of dim {}", k,
               x.tensor().aval().str(), a.n(), a.dim);
  return chosen(a, ranks(a, k - 1, 1, false), keepdim);
}

namespace {

// NaN, where there is one, comes last.
Tensor median_place(const Along& a) {
  const Tensor middle = ranks(a, (a.n() - 1) / 2, 1, false);
  if (!is_floating(a.x.dtype())) return middle;
  const Tensor nan = isnan(a.x);
  return make_select(any(nan, {a.dim}, true), argmax(make_cast(nan, DType::I32), Dim(a.dim), true),
                     middle);
}

Tensor nanmedian_place(const Along& a) {
  if (!is_floating(a.x.dtype())) return median_place(a);
  const Tensor number = sum(logical_not(isnan(a.x)), {a.dim}, true);
  const Tensor rank =
      maximum(floor_divide(shift(number, -1), full_as(number, 2)), full_as(number, 0));
  return make_gather(ranks(a, 0, a.n(), false), a.dim, rank);
}

ValuesIndices median_of(const char* op, const Tensor& x, Dim dim, bool keepdim,
                        Tensor (*place)(const Along&)) {
  const Along a = along(op, x, dim);
  check_not_empty(op, a);
  return chosen(a, place(a), keepdim);
}

Tensor median_of_all(const Tensor& x, Tensor (*place)(const Along&)) {
  if (x.numel() == 0)
    return make_full({}, is_floating(x.dtype()) ? std::numeric_limits<double>::quiet_NaN() : 0,
                     x.dtype(), x.device());
  const Along a{make_reshape(x, {x.numel()}), 0, true};
  return chosen(a, place(a), false).values;
}

}  // namespace

Tensor median(const Arg& x) {
  LocScope scope(x.loc());
  return median_of_all(x.tensor(), median_place);
}
ValuesIndices median(const Arg& x, Dim dim, bool keepdim) {
  LocScope scope(x.loc());
  return median_of("median", x.tensor(), dim, keepdim, median_place);
}
Tensor nanmedian(const Arg& x) {
  LocScope scope(x.loc());
  return median_of_all(x.tensor(), nanmedian_place);
}
ValuesIndices nanmedian(const Arg& x, Dim dim, bool keepdim) {
  LocScope scope(x.loc());
  return median_of("nanmedian", x.tensor(), dim, keepdim, nanmedian_place);
}

// In the sorted row the length of a run is the distance to its beginning; the first longest one's
// last element is the largest distance.
ValuesIndices mode(const Arg& x, Dim dim, bool keepdim) {
  LocScope scope(x.loc());
  const Along a = along("mode", x.tensor(), dim);
  check_not_empty("mode", a);
  const Tensor order = ranks(a, 0, a.n(), false);
  const Tensor sorted = stop_gradient(values_at(a, order));
  const Tensor place = make_iota(sorted.shape(), a.dim, DType::I64, sorted.device());
  if (a.n() == 1) return chosen(a, order, keepdim);
  const Tensor begins =
      ne(slice_dim(sorted, a.dim, 1, a.n()), slice_dim(sorted, a.dim, 0, a.n() - 1));
  const Tensor begin = masked(pad_dim(begins, a.dim, 1, 0), place);
  const Tensor length = sub(place, make_gather(begin, a.dim, running_place(begin, a.dim, true)));
  return chosen(a, make_gather(order, a.dim, argmax(length, Dim(a.dim), true)), keepdim);
}

namespace {

Tensor weighted(const Tensor& low, const Tensor& high, const Tensor& weight) {
  return add(low, masked(ne(low, high), mul(weight, sub(high, low))));
}

/// Quantiles of rows [..., n] that are sorted, at positions [..., Q].
Tensor between(const Tensor& sorted, const Tensor& at, const QuantileInterpolation& how) {
  using Q = QuantileInterpolation;
  const int last = sorted.ndim() - 1;
  const auto gathered = [&](const Tensor& where) {
    return make_gather(sorted, last, make_cast(where, DType::I64));
  };
  switch (how.kind()) {
    case Q::Lower:
      return gathered(floor(at));
    case Q::Higher:
      return gathered(ceil(at));
    case Q::Nearest:
      return gathered(round(at));
    case Q::Linear:
    case Q::Midpoint:
      break;
  }
  const Tensor low = floor(at);
  const Tensor weight = how == Q::Midpoint ? full_as(at, 0.5) : sub(at, low);
  return weighted(gathered(low), gathered(ceil(at)), weight);
}

// Positions [..., Q] of the quantiles among rows of n elements with NaN behind them.
Tensor positions(const Tensor& rows, const Tensor& q, bool ignores_nan) {
  const int last = rows.ndim() - 1;
  const I n = rows.shape()[last];
  Shape all = rows.shape();
  all[last] = q.numel();
  const Tensor wide = make_broadcast(make_reshape(q, {q.numel()}), all, {last});
  const Tensor nan = isnan(rows);
  const auto spread = [&](const Tensor& t) { return broadcast_last(t, all); };
  if (!ignores_nan)
    return make_select(spread(any(nan, {last}, true)), full_as(wide, static_cast<double>(n - 1)),
                       scale(wide, static_cast<double>(n - 1)));
  const Tensor number = make_cast(sum(logical_not(nan), {last}, true), wide.dtype());
  return mul(wide, spread(maximum(shift(number, -1), full_as(number, 0))));
}

Tensor quantile_of(const char* op, const Arg& x, const Arg& q, std::optional<Dim> dim, bool keepdim,
                   const QuantileInterpolation& how, bool ignores_nan) {
  const Tensor t = x.tensor();
  LILITH_CHECK(t.dtype() == DType::F32 || t.dtype() == DType::F64, "{}: x is {}; need f32 or f64",
               op, t.aval().str());
  if (const auto number = constant_value(q))
    LILITH_CHECK(*number >= 0 && *number <= 1, "{}: q is {}; need 0 <= q <= 1", op, *number);
  const Tensor at = make_cast(ir::on_device(q.tensor(t.dtype()), t.device()), t.dtype());
  LILITH_CHECK(at.ndim() <= 1, "{}: q is {}; need a number or 1 dimension", op, at.aval().str());
  const Along a = dim ? along(op, t, *dim) : Along{make_reshape(t, {t.numel()}), 0, false};
  check_not_empty(op, a);
  const Tensor rows = to_last(a.x, a.dim);
  const int last = rows.ndim() - 1;
  const Tensor sorted = make_gather(rows, last, make_argsort(stop_gradient(rows), 0, a.n(), false));
  // The quantiles are last, where the dimension was: kept, they go to the front beside a 1.
  Tensor out = between(sorted, positions(rows, at, ignores_nan), how);
  Shape kept = t.shape();
  for (int d = 0; d < t.ndim(); ++d)
    if (!dim || d == a.dim) kept[d] = 1;
  out = movedim(out, last, 0);
  Shape shape = at.ndim() == 1 ? Shape{at.numel()} : Shape{};
  for (int d = 0; d < t.ndim(); ++d)
    if (keepdim || (dim && d != a.dim)) shape.push_back(kept[d]);
  return make_reshape(out, shape);
}

}  // namespace

Tensor quantile(const Arg& x, const Arg& q, std::optional<Dim> dim, bool keepdim,
                const QuantileInterpolation& interpolation) {
  LocScope scope(x.loc());
  return quantile_of("quantile", x, q, dim, keepdim, interpolation, false);
}
Tensor nanquantile(const Arg& x, const Arg& q, std::optional<Dim> dim, bool keepdim,
                   const QuantileInterpolation& interpolation) {
  LocScope scope(x.loc());
  return quantile_of("nanquantile", x, q, dim, keepdim, interpolation, true);
}

Tensor searchsorted(const Tensor& sorted_sequence, const Arg& values,
                    const SearchSortedOptions& options) {
  LocScope scope(values.loc());
  const Arg sorted_arg(sorted_sequence);
  const DType dtype = result_type({&sorted_arg, &values});
  Tensor pair[] = {sorted_sequence, values.tensor(dtype)};
  ir::bring_together("searchsorted", pair);
  Tensor sorted = make_cast(stop_gradient(pair[0]), dtype);
  const Tensor v = make_cast(stop_gradient(pair[1]), dtype);
  LILITH_CHECK(sorted.ndim() >= 1,
               "searchsorted: sorted_sequence is 0-d; need at least 1 dimension");
  LILITH_CHECK(!options.side || !options.right || *options.side == SearchSide::Right,
               "searchsorted: side is left and right is true; give one of them");
  if (options.sorter.defined()) {
    LILITH_CHECK(options.sorter.shape() == sorted.shape() && is_integral(options.sorter.dtype()),
                 "searchsorted: sorter is {}; need integers of sorted_sequence's shape {}",
                 options.sorter.aval().str(), sorted.shape().str());
    sorted = gather(sorted, -1, options.sorter);
  }
  const bool right = options.right || (options.side && *options.side == SearchSide::Right);
  const Tensor found = make_searchsorted(sorted, v, right);
  return options.out_int32 ? make_cast(found, DType::I32) : found;
}

Tensor bucketize(const Arg& x, const Tensor& boundaries, const BucketizeOptions& options) {
  LocScope scope(x.loc());
  LILITH_CHECK(boundaries.ndim() == 1, "bucketize: boundaries are {}; need 1 dimension",
               boundaries.aval().str());
  return searchsorted(boundaries, x, {.out_int32 = options.out_int32, .right = options.right});
}

Tensor isin(const Arg& elements, const Arg& test_elements, const IsinOptions& options) {
  LocScope scope(elements.loc());
  const DType dtype = result_type({&elements, &test_elements});
  Tensor pair[] = {elements.tensor(dtype), test_elements.tensor(dtype)};
  ir::bring_together("isin", pair);
  const Tensor x = make_cast(stop_gradient(pair[0]), dtype);
  const I n = pair[1].numel();
  if (n == 0) return make_full(x.shape(), options.invert, DType::Bool, x.device());
  const Tensor test = make_reshape(make_cast(stop_gradient(pair[1]), dtype), {n});
  const Tensor sorted = make_gather(test, 0, make_argsort(test, 0, n, false));
  const Tensor flat = make_reshape(x, {x.numel()});
  const Tensor at = make_searchsorted(sorted, flat, false);
  const Tensor beside =
      make_gather(sorted, 0, minimum(at, full_as(at, static_cast<double>(n - 1))));
  const Tensor is = make_reshape(eq(flat, beside), x.shape());
  return options.invert ? logical_not(is) : is;
}

}  // namespace lilith
