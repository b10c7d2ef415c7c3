#include <limits>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/scatter.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/sort.h"

// Segments that lie one behind the other: each element's segment is found by binary search among
// their ends, then they are scattered there.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

Tensor lengths_of(const SegmentReduceOptions& o) {
  LILITH_CHECK(o.lengths.defined() != o.offsets.defined(),
               "segment_reduce: got {} of lengths and offsets; need one of them",
               o.lengths.defined() ? "both" : "neither");
  const Tensor& given = o.lengths.defined() ? o.lengths : o.offsets;
  LILITH_CHECK(is_integral(given.dtype()) && given.ndim() >= 1,
               "segment_reduce: lengths or offsets are {}; need integers of at least 1 dimension",
               given.aval().str());
  const Tensor wide = make_cast(given, DType::I64);
  return o.lengths.defined() ? wide : diff(wide);
}

// Where segments end, and before the first one the place that it begins at: [..., segments + 1].
Tensor bounds_of(const SegmentReduceOptions& o, const Tensor& lengths) {
  const int last = lengths.ndim() - 1;
  const Tensor ends = cumsum(lengths, Dim(last));
  Shape one = ends.shape();
  one[last] = 1;
  if (!o.offsets.defined())
    return make_concat({make_full(one, 0, DType::I64, ends.device()), ends}, last);
  const Tensor first = slice_dim(make_cast(o.offsets, DType::I64), last, 0, 1);
  return make_concat({first, add(ends, broadcast_last(first, ends.shape()))}, last);
}

// Bounds and lengths that are no numbers of n places are an Error when they are read, as indices
// are: what they name, which is themselves.
Tensor checked(const Tensor& at, I n) {
  const Tensor flat = make_reshape(at, {at.numel()});
  const Tensor places = make_iota({n + 1}, 0, DType::I64, at.device());
  return make_reshape(make_gather(places, 0, flat), at.shape());
}

double start_of(SegmentReduction reduce, const std::optional<Real>& initial) {
  if (initial) return *initial;
  const double inf = std::numeric_limits<double>::infinity();
  switch (reduce.kind()) {
    case SegmentReduction::Prod:
      return 1;
    case SegmentReduction::Max:
      return -inf;
    case SegmentReduction::Min:
      return inf;
    case SegmentReduction::Sum:
    case SegmentReduction::Mean:
      break;
  }
  return 0;
}

// One more than the segment of each place along the axis: i64 of data's shape. 0 before the first
// one, their number and 1 behind the last.
Tensor segments(const Tensor& bounds, const Shape& shape, int axis, Device device) {
  Shape rows(shape.begin(), static_cast<std::size_t>(axis) + 1);
  const Tensor place = make_iota(rows, axis, DType::I64, device);
  return make_broadcast(make_searchsorted(bounds, place, true), shape, range(axis + 1));
}

// What divides the sums of a mean: empty segments stay as they are, or NaN.
Tensor mean_of(const Tensor& sums, const Tensor& lengths, bool has_initial) {
  const Tensor number = make_broadcast(lengths, sums.shape(), range(lengths.ndim()));
  const Tensor empty = compare("eq", number, 0);
  const Tensor none = has_initial ? sums : full_as(sums, std::numeric_limits<double>::quiet_NaN());
  return make_select(empty, none,
                     div(sums, make_cast(maximum(number, full_as(number, 1)), sums.dtype())));
}

}  // namespace

Tensor segment_reduce(const Arg& data, const SegmentReduction& reduce,
                      const SegmentReduceOptions& o) {
  LocScope scope(data.loc());
  const Tensor given = data.tensor(), lengths = lengths_of(o);
  LILITH_CHECK(is_floating(given.dtype()) && given.ndim() >= 1,
               "segment_reduce: data is {}; need a floating dtype and at least 1 dimension",
               given.aval().str());
  const int axis = wrap_dim("segment_reduce", o.axis, given.ndim());
  LILITH_CHECK(lengths.ndim() == axis + 1,
               "segment_reduce: axis is {} and there are lengths {}; need their last dimension to "
               "be the axis",
               axis, lengths.aval().str());
  Shape shape = given.shape();
  shape[axis] = lengths.size(-1);
  const I n = given.shape()[axis];
  const Tensor held = o.unsafe ? lengths : checked(lengths, n);
  Tensor bounds = bounds_of(o, held);
  if (!o.unsafe) bounds = checked(bounds, n);
  return rounded_once(given, [&](const Tensor& t) {
    const auto room = [&](I extra) {
      Shape wide = shape;
      wide[axis] += extra;
      return make_full(wide, start_of(reduce, o.initial), t.dtype(), t.device());
    };
    if (shape.numel() == 0) return room(0);
    Tensor out;
    if (t.numel() == 0) {
      // All segments are empty, which the lengths have to say too.
      const Tensor number = make_broadcast(held, shape, range(axis + 1));
      out = make_select(compare("ge", number, 0), room(0),
                        full_as(room(0), std::numeric_limits<double>::quiet_NaN()));
    } else {
      // With unsafe what no segment has goes to one more at either side, else to none: an Error.
      constexpr const char* kOps[] = {"scatter_add", "scatter_add", "scatter_max", "scatter_min",
                                      "scatter_mul"};
      const Tensor segment = segments(bounds, t.shape(), axis, t.device());
      const Tensor all = make_scatter(kOps[static_cast<int>(reduce.kind())], room(o.unsafe ? 2 : 0),
                                      axis, o.unsafe ? segment : shift(segment, -1), t);
      out = o.unsafe ? slice_dim(all, axis, 1, shape[axis] + 1) : all;
    }
    return reduce == SegmentReduction::Mean ? mean_of(out, held, o.initial.has_value()) : out;
  });
}

}  // namespace lilith
