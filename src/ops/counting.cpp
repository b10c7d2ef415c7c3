#include <algorithm>

#include "ir/one_device.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/sorting.h"
#include "ops/asked_values.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/sort.h"

// How many elements lie where: places found by arithmetic or binary search, sums by scatter_add.
namespace lilith {

using namespace ops;
using I = std::int64_t;

Tensor bincount(const Arg& x, const Tensor& weights, Int minlength) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  LILITH_CHECK(is_integral(t.dtype()) && t.ndim() == 1, "bincount: x is {}; need integers [n]",
               t.aval().str());
  LILITH_CHECK(minlength >= 0, "bincount: minlength is {}; need minlength >= 0", minlength);
  LILITH_CHECK(!weights.defined() || weights.shape() == t.shape(),
               "bincount: x {}, weights {}; need equal shapes", t.aval().str(),
               weights.defined() ? weights.aval().str() : "");
  const DType dtype = !weights.defined()              ? DType::I64
                      : weights.dtype() == DType::F32 ? DType::F32
                                                      : DType::F64;
  I size = minlength;
  if (t.numel() > 0) {
    const Tensor top = max(t);
    check_known("bincount", "the size of its result", top);
    size = std::max(size, top.to(DType::I64).item<I>() + 1);
    LILITH_CHECK(size > 0, "bincount: all of x is negative; need numbers of at least 0");
  }
  const Tensor none = make_full({size}, 0, dtype, t.device());
  if (t.numel() == 0) return none;
  const Tensor each =
      weights.defined() ? make_cast(weights, dtype) : make_full(t.shape(), 1, dtype, t.device());
  return make_scatter_add(none, 0, make_cast(t, DType::I64), each);
}

namespace {

/// The range of a histogram: as given, or that of the elements; one point becomes a range.
struct Range {
  Tensor low, high;  // 0-d
};

Range range_of(const char* op, const Tensor& flat, double low, double high, bool given,
               double margin) {
  const auto number = [&](double v) { return make_full({}, v, flat.dtype(), flat.device()); };
  LILITH_CHECK(low <= high, "{}: from {} to {}; need from <= to", op, low, high);
  if (!given && flat.numel() == 0) return {number(0), number(1)};
  if (given && low != high) return {number(low), number(high)};
  const Tensor a = given ? number(low) : min(flat), b = given ? number(high) : max(flat);
  const Tensor one_point = eq(a, b);
  return {make_select(one_point, shift(a, -margin), a),
          make_select(one_point, shift(b, margin), b)};
}

Tensor floats_of(const char* op, const Arg& x) {
  const Tensor t = stop_gradient(x.tensor());
  LILITH_CHECK(is_floating(t.dtype()), "{}: x is {}; need a floating dtype", op, t.aval().str());
  return t;
}

// Sums of `each` [n] at the bins [n]; what lies outside of [0, bins) counts for nothing.
Tensor sums_of_bins(const Tensor& bin, const Tensor& inside, const Tensor& each, I bins) {
  const Tensor none = make_full({bins}, 0, each.dtype(), each.device());
  if (bin.numel() == 0) return none;
  return make_scatter_add(none, 0, masked(inside, bin), masked(inside, each));
}

}  // namespace

Tensor histc(const Arg& x, Int bins, Real min, Real max) {
  LocScope scope(x.loc());
  const Tensor given = floats_of("histc", x);
  LILITH_CHECK(bins >= 1, "histc: bins is {}; need bins >= 1", bins);
  return rounded_once(make_reshape(given, {given.numel()}), [&](const Tensor& flat) {
    const Range r = range_of("histc", flat, min, max, min != 0 || max != 0, 1);
    const auto wide = [&](const Tensor& t) { return make_broadcast(t, flat.shape(), {}); };
    const Tensor low = wide(r.low), high = wide(r.high);
    const Tensor inside = logical_and(ge(flat, low), le(flat, high));
    const Tensor part = div(sub(flat, low), sub(high, low));
    const Tensor bin =
        make_cast(scale(masked(inside, part), static_cast<double>(bins)), DType::I64);
    return sums_of_bins(minimum(bin, full_as(bin, static_cast<double>(bins - 1))), inside,
                        full_as(flat, 1), bins);
  });
}

namespace {

/// The bin of each of x [n] between edges [bins + 1], and whether it has one. The last bin has its
/// upper edge.
struct Binned {
  Tensor bin, inside;
};

Binned binned(const Tensor& x, const Tensor& edges) {
  const I bins = edges.numel() - 1;
  if (x.numel() == 0)
    return {make_full(x.shape(), 0, DType::I64, x.device()),
            make_full(x.shape(), 0, DType::Bool, x.device())};
  const auto edge = [&](I k) {
    return make_broadcast(make_reshape(slice_dim(edges, 0, k, k + 1), {}), x.shape(), {});
  };
  const Tensor at = shift(make_searchsorted(edges, x, true), -1);
  return {minimum(at, full_as(at, static_cast<double>(bins - 1))),
          logical_and(ge(x, edge(0)), le(x, edge(bins)))};
}

Tensor even_edges(const Range& r, I bins) {
  const Shape shape{bins + 1};
  const DType dtype = r.low.dtype();
  const Tensor step =
      scale(make_iota(shape, 0, dtype, r.low.device()), 1.0 / static_cast<double>(bins));
  const Tensor low = make_broadcast(r.low, shape, {}), high = make_broadcast(r.high, shape, {});
  // The last one is the end itself.
  return make_select(compare("eq", step, 1), high, add(low, mul(step, sub(high, low))));
}

Tensor widths(const Tensor& edges) {
  return sub(slice_dim(edges, 0, 1, edges.numel()), slice_dim(edges, 0, 0, edges.numel() - 1));
}

Tensor weights_of(const char* op, const Tensor& weight, const Tensor& like) {
  if (!weight.defined()) return full_as(like, 1);
  LILITH_CHECK(weight.numel() == like.numel(), "{}: weight is {}; need {} elements", op,
               weight.aval().str(), like.numel());
  return make_reshape(make_cast(stop_gradient(weight), like.dtype()), like.shape());
}

Tensor checked_edges(const char* op, const Tensor& edges, const Tensor& x) {
  LILITH_CHECK(edges.ndim() == 1 && edges.numel() >= 2, "{}: edges are {}; need 2 or more in 1-d",
               op, edges.aval().str());
  return make_cast(stop_gradient(edges), x.dtype());
}

std::pair<Tensor, Tensor> histogram_of(const Tensor& flat, const Tensor& edges,
                                       const HistogramOptions& o) {
  const Binned b = binned(flat, edges);
  Tensor sums =
      sums_of_bins(b.bin, b.inside, weights_of("histogram", o.weight, flat), edges.numel() - 1);
  if (o.density) sums = div(sums, mul(widths(edges), sum(sums)));
  return {sums, edges};
}

}  // namespace

std::pair<Tensor, Tensor> histogram(const Arg& x, Int bins, const HistogramOptions& options) {
  LocScope scope(x.loc());
  const Tensor t = floats_of("histogram", x);
  LILITH_CHECK(bins >= 1, "histogram: bins is {}; need bins >= 1", bins);
  const Tensor flat = make_reshape(t, {t.numel()});
  const auto [low, high] = options.range.value_or(std::pair(0.0, 0.0));
  const Range r = range_of("histogram", flat, low, high, options.range.has_value(), 0.5);
  return histogram_of(flat, even_edges(r, bins), options);
}

std::pair<Tensor, Tensor> histogram(const Arg& x, const Tensor& edges,
                                    const HistogramOptions& options) {
  LocScope scope(x.loc());
  const Tensor t = floats_of("histogram", x);
  LILITH_CHECK(!options.range, "histogram: edges and a range; give one of them");
  return histogram_of(make_reshape(t, {t.numel()}), checked_edges("histogram", edges, t), options);
}

namespace {

std::pair<Tensor, std::vector<Tensor>> histogramdd_of(const Tensor& points,
                                                      std::vector<Tensor> edges,
                                                      const HistogramDdOptions& o) {
  const I n = points.shape()[0];
  Tensor flat = make_full({n}, 0, DType::I64, points.device());
  Tensor inside = make_full({n}, 1, DType::Bool, points.device());
  Shape shape;
  for (std::size_t d = 0; d < edges.size(); ++d) {
    const I bins = edges[d].numel() - 1, at = static_cast<I>(d);
    const Binned b = binned(make_reshape(slice_dim(points, 1, at, at + 1), {n}), edges[d]);
    flat = add(scale(flat, static_cast<double>(bins)), b.bin);
    inside = logical_and(inside, b.inside);
    shape.push_back(bins);
  }
  const Tensor like = make_full({n}, 1, points.dtype(), points.device());
  Tensor sums = make_reshape(
      sums_of_bins(flat, inside, weights_of("histogramdd", o.weight, like), shape.numel()), shape);
  if (o.density) {
    Tensor volume = sum(sums);
    for (std::size_t d = 0; d < edges.size(); ++d)
      volume = mul(volume, make_broadcast(widths(edges[d]), shape, {static_cast<I>(d)}));
    sums = div(sums, volume);
  }
  return {sums, std::move(edges)};
}

Tensor points_of(const Arg& x, std::size_t dims) {
  const Tensor t = floats_of("histogramdd", x);
  const I each = static_cast<I>(dims);
  LILITH_CHECK(t.ndim() >= 2 && t.shape()[t.ndim() - 1] == each,
               "histogramdd: x is {} and there are bins of {} dimensions; need points [n, {}]",
               t.aval().str(), dims, dims);
  return make_reshape(t, {each == 0 ? 0 : t.numel() / each, each});
}

}  // namespace

std::pair<Tensor, std::vector<Tensor>> histogramdd(const Arg& x, const IntList& bins,
                                                   const HistogramDdOptions& options) {
  LocScope scope(x.loc());
  const Tensor given = x.tensor();
  const std::size_t dims = bins.size() == 1 && given.ndim() >= 2
                               ? static_cast<std::size_t>(given.shape()[given.ndim() - 1])
                               : bins.size();
  const Tensor points = points_of(x, dims);
  LILITH_CHECK(options.range.empty() || options.range.size() == 2 * dims,
               "histogramdd: range has {} numbers; need 2 for each of {} dimensions",
               options.range.size(), dims);
  std::vector<Tensor> edges;
  for (std::size_t d = 0; d < dims; ++d) {
    const I n = bins[bins.size() == 1 ? 0 : d], at = static_cast<I>(d);
    LILITH_CHECK(n >= 1, "histogramdd: bins is {}; need bins >= 1", n);
    const bool given_range = !options.range.empty();
    const double low = given_range ? options.range[2 * d] : 0,
                 high = given_range ? options.range[2 * d + 1] : 0;
    const Tensor column = slice_dim(points, 1, at, at + 1);
    edges.push_back(even_edges(range_of("histogramdd", column, low, high, given_range, 0.5), n));
  }
  return histogramdd_of(points, std::move(edges), options);
}

std::pair<Tensor, std::vector<Tensor>> histogramdd(const Arg& x, const std::vector<Tensor>& edges,
                                                   const HistogramDdOptions& options) {
  LocScope scope(x.loc());
  const Tensor points = points_of(x, edges.size());
  LILITH_CHECK(options.range.empty(), "histogramdd: edges and a range; give one of them");
  std::vector<Tensor> checked;
  for (const Tensor& e : edges) checked.push_back(checked_edges("histogramdd", e, points));
  return histogramdd_of(points, std::move(checked), options);
}

}  // namespace lilith
