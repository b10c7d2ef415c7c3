#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Integrals and slopes of samples.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

int sample_dim(const char* op, const Tensor& y, int dim) {
  LILITH_CHECK(y.ndim() > 0, "{}: y is {}; need at least 1 dimension", op, y.aval().str());
  return wrap_dim(op, dim, y.ndim());
}
// Half the sum of the widths times the sums of neighbours.
Tensor trapezoids(const Tensor& y, const Arg& widths, int dim, bool running) {
  const I n = y.shape()[dim];
  if (n < 2) {
    const Tensor none = floating(slice_dim(y, dim, 0, 0));
    return running ? none : sum(none, dim);
  }
  const auto area = [&](const Tensor& wide) {
    const Tensor pairs = add(slice_dim(wide, dim, 1, n), slice_dim(wide, dim, 0, n - 1));
    const Tensor pieces = floating(mul(pairs, widths));
    return scale(running ? cumsum(pieces, dim) : sum(pieces, dim), 0.5);
  };
  // What is computed with integers is of their dtype and wraps.
  return is_floating(y.dtype()) ? rounded_once(y, area) : area(y);
}
Tensor integral(const char* op, const Arg& y, const Arg& dx, int dim, bool running) {
  LocScope scope(y.loc(), op);
  const Tensor t = y.tensor();
  return trapezoids(t, dx, sample_dim(op, t, dim), running);
}
Tensor integral_over(const char* op, const Arg& y, const Tensor& x, int dim, bool running) {
  LocScope scope(y.loc(), op);
  const Tensor t = y.tensor();
  const int d = sample_dim(op, t, dim), missing = t.ndim() - x.ndim();
  LILITH_CHECK(missing >= 0, "{}: y {}, x {}; need no more dimensions than y has", op,
               t.aval().str(), x.aval().str());
  // One dimension is that of the integral, whichever it is.
  Shape points(Ints(t.shape().size(), 1));
  for (int i = 0; i < x.ndim(); ++i) points[x.ndim() == 1 ? d : i + missing] = x.shape()[i];
  LILITH_CHECK(points[d] == t.shape()[d], "{}: y {}, x {}; need {} points along dimension {}", op,
               t.aval().str(), x.aval().str(), t.shape()[d], d);
  return trapezoids(t, diff(make_reshape(x, points), 1, d), d, running);
}

}  // namespace

Tensor trapezoid(const Arg& y, const Arg& dx, Dim dim) {
  return integral("trapezoid", y, dx, dim, false);
}
Tensor trapezoid(const Arg& y, const Tensor& x, Dim dim) {
  return integral_over("trapezoid", y, x, dim, false);
}
Tensor cumulative_trapezoid(const Arg& y, const Arg& dx, Dim dim) {
  return integral("cumulative_trapezoid", y, dx, dim, true);
}
Tensor cumulative_trapezoid(const Arg& y, const Tensor& x, Dim dim) {
  return integral_over("cumulative_trapezoid", y, x, dim, true);
}

namespace {

// The slope along one dimension.
Tensor slope(const Tensor& t, int d, double spacing, bool second_order_edges) {
  const I n = t.shape()[d], edge = second_order_edges ? 2 : 1;
  LILITH_CHECK(n > edge, "gradient: dimension {} of {} has {} elements; need at least {}", d,
               t.aval().str(), n, edge + 1);
  const auto at = [&](I i) { return slice_dim(t, d, i, i + 1); };
  const auto one_sided = [&](I i, I step) {
    Tensor out = sub(at(i + step), at(i));
    if (second_order_edges) out = sub(scale(out, 2), scale(sub(at(i + 2 * step), at(i)), 0.5));
    return scale(out, static_cast<double>(step) / spacing);
  };
  std::vector<Tensor> parts{one_sided(0, 1)};
  if (n > 2)
    parts.push_back(scale(sub(slice_dim(t, d, 2, n), slice_dim(t, d, 0, n - 2)), 0.5 / spacing));
  parts.push_back(one_sided(n - 1, -1));
  return make_concat(parts, d);
}

// The slope along one dimension, at coordinates [n].
Tensor slope_at(const Tensor& t, int d, const Tensor& coordinates, bool second_order_edges) {
  const I n = t.shape()[d], edge = second_order_edges ? 2 : 1;
  LILITH_CHECK(n > edge && coordinates.numel() == n,
               "gradient: dimension {} of {} with coordinates {}; need {} or more elements, and a "
               "coordinate of each",
               d, t.aval().str(), coordinates.aval().str(), edge + 1);
  // Subtracted as they are given: what lies far from 0 may lie close together.
  const DType kind = coordinates.dtype();
  const Tensor c = widened(is_floating(kind) ? coordinates : make_cast(coordinates, DType::I64));
  const Tensor apart = make_cast(sub(slice_dim(c, 0, 1, n), slice_dim(c, 0, 0, n - 1)), t.dtype());
  const auto steps = [&](I from, I to, I like) {
    Shape shape = t.shape();
    shape[d] = like;
    return make_broadcast(slice_dim(apart, 0, from, to), shape, {d});
  };
  const auto at = [&](I from, I to) { return slice_dim(t, d, from, to); };
  // The parabola through three neighbours h1 and h2 apart, at its left, middle or right.
  const auto through = [&](I from, I to, int place) {
    const I m = to - from;
    const Tensor h1 = steps(from, to, m), h2 = steps(from + 1, to + 1, m), both = add(h1, h2);
    const Tensor first = div(sub(at(from + 1, to + 1), at(from, to)), h1),
                 second = div(sub(at(from + 2, to + 2), at(from + 1, to + 1)), h2);
    if (place == 0) return sub(first, mul(div(h1, both), sub(second, first)));
    if (place == 1) return div(add(mul(h2, first), mul(h1, second)), both);
    return add(second, mul(div(h2, both), sub(second, first)));
  };
  const auto line = [&](I k) {
    return div(sub(at(k + 1, k + 2), at(k, k + 1)), steps(k, k + 1, 1));
  };
  std::vector<Tensor> parts{second_order_edges ? through(0, 1, 0) : line(0)};
  if (n > 2) parts.push_back(through(0, n - 2, 1));
  parts.push_back(second_order_edges ? through(n - 3, n - 2, 2) : line(n - 2));
  return make_concat(parts, d);
}

}  // namespace

std::vector<Tensor> gradient(const Arg& x, const std::vector<Tensor>& spacing, const IntList& dims,
                             Int edge_order) {
  LocScope scope(x.loc());
  LILITH_CHECK(edge_order == 1 || edge_order == 2, "gradient: edge_order is {}; need 1 or 2",
               edge_order);
  const Tensor t = floating(x);
  const Ints along = wrap_dims("gradient", dims, t.ndim());
  LILITH_CHECK(spacing.size() == along.size(),
               "gradient: {} spacings for {} dimensions; need as many", spacing.size(),
               along.size());
  std::vector<Tensor> out;
  for (std::size_t k = 0; k < along.size(); ++k) {
    const int d = static_cast<int>(along[k]);
    const Tensor& given = spacing[k];
    LILITH_CHECK(given.ndim() <= 1, "gradient: spacing {} is {}; need 0 or 1 dimensions", k,
                 given.aval().str());
    const bool even = given.ndim() == 0;
    const DType dtype =
        even || !is_floating(given.dtype()) ? t.dtype() : promote_types(t.dtype(), given.dtype());
    out.push_back(rounded_once(make_cast(t, dtype), [&](const Tensor& wide) {
      if (!even) return slope_at(wide, d, given, edge_order == 2);
      const Tensor each = slope(wide, d, 1, edge_order == 2);
      return div(each, make_broadcast(make_cast(given, wide.dtype()), each.shape(), {}));
    }));
  }
  return out;
}

std::vector<Tensor> gradient(const Arg& x, Real spacing, const IntList& dims, Int edge_order) {
  LocScope scope(x.loc());
  LILITH_CHECK(edge_order == 1 || edge_order == 2, "gradient: edge_order is {}; need 1 or 2",
               edge_order);
  const Tensor t = floating(x);
  std::vector<Tensor> out;
  for (const I d : wrap_dims("gradient", dims, t.ndim())) {
    out.push_back(rounded_once(t, [&](const Tensor& wide) {
      return slope(wide, static_cast<int>(d), spacing, edge_order == 2);
    }));
  }
  return out;
}

}  // namespace lilith
