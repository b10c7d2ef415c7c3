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

// Half the sum of the widths times the sums of neighbours.
int sample_dim(const char* op, const Tensor& y, int dim) {
  LILITH_CHECK(y.ndim() > 0, "{}: y is {}; need at least 1 dimension", op, y.aval().str());
  return wrap_dim(op, dim, y.ndim());
}
Tensor trapezoids(const Tensor& y, const Arg& widths, int dim, bool running) {
  const I n = y.shape()[dim];
  if (n < 2) return running ? slice_dim(y, dim, 0, 0) : sum(slice_dim(y, dim, 0, 0), dim);
  return rounded_once(y, [&](const Tensor& wide) {
    const Tensor pairs = add(slice_dim(wide, dim, 1, n), slice_dim(wide, dim, 0, n - 1));
    const Tensor pieces = mul(pairs, widths);
    return scale(running ? cumsum(pieces, dim) : sum(pieces, dim), 0.5);
  });
}
Tensor integral(const char* op, const Arg& y, const Arg& dx, int dim, bool running) {
  LocScope scope(y.loc(), op);
  const Tensor t = floating(y);
  return trapezoids(t, dx, sample_dim(op, t, dim), running);
}
Tensor integral_over(const char* op, const Arg& y, const Tensor& x, int dim, bool running) {
  LocScope scope(y.loc(), op);
  const Tensor t = floating(y);
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

}  // namespace

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
