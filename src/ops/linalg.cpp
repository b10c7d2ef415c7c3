#include "lilith/ops/linalg.h"

#include <algorithm>
#include <cmath>

#include "core/dtype_limits.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/autocast.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Products of matrices and vectors: dot_general with the right dimensions.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

void check_ranks(const char* op, const Tensor& a, int rank_a, const Tensor& b, int rank_b) {
  LILITH_CHECK(a.ndim() == rank_a && b.ndim() == rank_b,
               "{}: got a {}, b {}; need {} and {} dimensions", op, a.aval().str(), b.aval().str(),
               rank_a, rank_b);
  LILITH_CHECK(a.dtype() == b.dtype(), "{}: dtypes differ: a {}, b {}; need equal dtypes", op,
               a.aval().str(), b.aval().str());
}

void check_inner(const char* op, const Tensor& a, const Tensor& b, I from_a, I from_b,
                 const char* rule) {
  if (from_a == from_b) return;
  const bool transposed = b.ndim() >= 2 && b.size(-1) == from_a;
  fail("{}: inner sizes differ: a {}, b {}; need {} ({} vs {}).{}", op, a.aval().str(),
       b.aval().str(), rule, from_a, from_b, transposed ? " b.transpose() fits." : "");
}

// A factor of integers, which PyTorch cuts. What their dtype cannot hold has no meaning; of bools
// it is whether it is 0.
double cut(const char* what, double factor, DType dtype) {
  const double most = highest(dtype == DType::Bool ? DType::I64 : dtype),
               whole = std::trunc(factor);
  LILITH_CHECK(whole >= -most - 1 && whole <= most && whole < 0x1p63,
               "addmm: {} is {} for {}; need a number that it holds", what, factor, name(dtype));
  return whole;
}

// alpha (a @ b) + beta x, as the addmm family has it.
Tensor accumulate(const Arg& x, const Tensor& product, double beta, double alpha) {
  const DType dtype = product.dtype();
  if (!is_floating(dtype)) {
    alpha = cut("alpha", alpha, dtype);
    beta = cut("beta", beta, dtype);
  }
  const Tensor scaled = alpha == 1 ? product : scale(product, alpha);
  if (beta == 0) return scaled;
  const Tensor t = widened(x.tensor(dtype));
  LILITH_CHECK(t.dtype() == dtype, "addmm: dtypes differ: x {}, product {}; need equal dtypes",
               t.aval().str(), product.aval().str());
  const Tensor added = expand(beta == 1 ? t : scale(t, beta), product.shape());
  return apply("add", {added, scaled});
}

// alpha f(a, b) + beta x as one op.
template <class F>
Tensor accumulated(const Arg& x, const Arg& a, const Arg& b, double beta, double alpha, F&& f) {
  const Tensor p = lowered(a.tensor()), q = lowered(b.tensor());
  const Arg added = lowered(x);
  const AutocastOff inside;
  const DType dtype = p.dtype();
  if (is_half(dtype)) {
    LILITH_CHECK(q.dtype() == dtype && added.tensor(dtype).dtype() == dtype,
                 "addmm: dtypes differ: x {}, a {}, b {}; need equal dtypes", describe(x),
                 describe(a), describe(b));
  }
  return narrowed(accumulate(added, f(widened(p), widened(q)), beta, alpha), dtype);
}

Shape leading(const Shape& s, int n) { return Shape(s.begin(), static_cast<std::size_t>(n)); }

// Both with at least two dimensions.
Tensor matmul_batched(const Tensor& a, const Tensor& b) {
  const int ra = a.ndim(), rb = b.ndim();
  if (rb == 2) return dot_general(a, b, {}, {}, {ra - 1}, {0});
  const Shape batch_a = leading(a.shape(), ra - 2), batch_b = leading(b.shape(), rb - 2);
  if (!(batch_a == batch_b)) {
    const Tensor stand_ins[] = {make_full(batch_a, 0, a.dtype(), a.device()),
                                make_full(batch_b, 0, b.dtype(), b.device())};
    Shape sa = broadcast_shapes("matmul", stand_ins), sb = sa;
    for (int d = 2; d > 0; --d) {
      sa.push_back(a.shape()[ra - d]);
      sb.push_back(b.shape()[rb - d]);
    }
    return matmul_batched(broadcast_last(a, sa), broadcast_last(b, sb));
  }
  const Ints batch = range(ra - 2);
  return dot_general(a, b, batch, batch, {ra - 1}, {rb - 2});
}

}  // namespace

Tensor matmul(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const Tensor x = lowered(a.tensor()), y = lowered(b.tensor());
  LILITH_CHECK(x.ndim() > 0 && y.ndim() > 0,
               "matmul: got a {}, b {}; need at least 1 dimension each (use mul)", x.aval().str(),
               y.aval().str());
  LILITH_CHECK(x.dtype() == y.dtype(), "matmul: dtypes differ: a {}, b {}; need equal dtypes",
               x.aval().str(), y.aval().str());
  const bool vector_a = x.ndim() == 1, vector_b = y.ndim() == 1;
  check_inner("matmul", x, y, x.size(-1), vector_b ? y.size(0) : y.size(-2),
              vector_b ? "a.shape[-1] == b.shape[0]" : "a.shape[-1] == b.shape[-2]");
  if (vector_b) return dot_general(x, y, {}, {}, {x.ndim() - 1}, {0});
  if (vector_a) {
    const Ints contract{y.ndim() - 2};
    return dot_general(y, x, {}, {}, contract, {0});
  }
  return matmul_batched(x, y);
}

Tensor mm(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  check_ranks("mm", a.tensor(), 2, b.tensor(), 2);
  return matmul(a, b);
}
Tensor bmm(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  check_ranks("bmm", a.tensor(), 3, b.tensor(), 3);
  LILITH_CHECK(a.tensor().size(0) == b.tensor().size(0),
               "bmm: batch sizes differ: a {}, b {}; need equal sizes", describe(a), describe(b));
  return matmul(a, b);
}
Tensor mv(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  check_ranks("mv", a.tensor(), 2, b.tensor(), 1);
  return matmul(a, b);
}
Tensor dot(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  Tensor x = a.tensor(), y = b.tensor();
  meet({&x, &y});
  const AutocastOff inside;
  check_ranks("dot", x, 1, y, 1);
  return matmul(x, y);
}
Tensor vdot(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  return dot(a, b);
}

Tensor inner(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  Tensor x = a.tensor(), y = b.tensor();
  if (x.ndim() == 0 || y.ndim() == 0) return mul(x, y);
  meet({&x, &y});
  check_inner("inner", x, y, x.size(-1), y.size(-1), "a.shape[-1] == b.shape[-1]");
  return dot_general(x, y, {}, {}, {x.ndim() - 1}, {y.ndim() - 1});
}
Tensor outer(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const Tensor x = a.tensor(), y = b.tensor();
  LILITH_CHECK(x.ndim() == 1 && y.ndim() == 1, "outer: got a {}, b {}; need 1 dimension each",
               x.aval().str(), y.aval().str());
  return mul(unsqueeze(x, 1), unsqueeze(y, 0));
}

Tensor addmm(const Arg& x, const Arg& a, const Arg& b, Real beta, Real alpha) {
  LocScope scope(x.loc());
  return accumulated(x, a, b, beta, alpha,
                     [](const Tensor& a, const Tensor& b) { return mm(a, b); });
}
Tensor addmv(const Arg& x, const Arg& a, const Arg& b, Real beta, Real alpha) {
  LocScope scope(x.loc());
  return accumulated(x, a, b, beta, alpha,
                     [](const Tensor& a, const Tensor& b) { return mv(a, b); });
}
Tensor addr(const Arg& x, const Arg& a, const Arg& b, Real beta, Real alpha) {
  LocScope scope(x.loc());
  return accumulated(x, a, b, beta, alpha,
                     [](const Tensor& a, const Tensor& b) { return outer(a, b); });
}
Tensor baddbmm(const Arg& x, const Arg& a, const Arg& b, Real beta, Real alpha) {
  LocScope scope(x.loc());
  return accumulated(x, a, b, beta, alpha,
                     [](const Tensor& a, const Tensor& b) { return bmm(a, b); });
}
Tensor addbmm(const Arg& x, const Arg& a, const Arg& b, Real beta, Real alpha) {
  LocScope scope(x.loc());
  const Tensor p = a.tensor(), q = b.tensor();
  check_ranks("addbmm", p, 3, q, 3);
  LILITH_CHECK(p.size(0) == q.size(0), "addbmm: batch sizes differ: a {}, b {}; need equal sizes",
               describe(a), describe(b));
  check_inner("addbmm", p, q, p.size(2), q.size(1), "a.shape[-1] == b.shape[-2]");
  return accumulated(x, a, b, beta, alpha, [](const Tensor& a, const Tensor& b) {
    return dot_general(a, b, {}, {}, {0, 2}, {0, 1});
  });
}

Tensor tensordot(const Arg& a, const Arg& b, const IntList& dims_a, const IntList& dims_b) {
  LocScope scope(a.loc());
  Tensor x = a.tensor(), y = b.tensor();
  meet({&x, &y});
  const AutocastOff inside;
  const DType dtype = x.dtype();
  const bool halves = is_half(dtype) && y.dtype() == dtype;
  LILITH_CHECK(dims_a.size() == dims_b.size(), "tensordot: {} dims of a, {} of b; need as many",
               dims_a.size(), dims_b.size());
  if (dims_a.empty()) return dot_general(x, y, {}, {}, {}, {});
  const Ints in_x = wrap_dims("tensordot", dims_a, x.ndim());
  const Ints in_y = wrap_dims("tensordot", dims_b, y.ndim());
  // A size of 1 is repeated to the other's: the other is summed.
  for (std::size_t k = 0; k < in_x.size() && k < in_y.size(); ++k) {
    const I m = x.shape()[static_cast<int>(in_x[k])], n = y.shape()[static_cast<int>(in_y[k])];
    if (halves && (m == 1) != (n == 1)) {
      x = widened(x);
      y = widened(y);
    }
    if (m == 1 && n != 1) y = sum(y, in_y[k], true, y.dtype());
    if (n == 1 && m != 1) x = sum(x, in_x[k], true, x.dtype());
  }
  const Tensor product = dot_general(x, y, {}, {}, in_x, in_y);
  return halves ? make_cast(product, dtype) : product;
}
Tensor tensordot(const Arg& a, const Arg& b, Int dims) {
  LocScope scope(a.loc());
  const int rank = a.tensor().ndim();
  LILITH_CHECK(dims >= 0 && dims <= rank && dims <= b.tensor().ndim(),
               "tensordot: {} dims of a {}, b {}", dims, describe(a), describe(b));
  Ints last = range(dims);
  for (I& d : last) d += rank - dims;
  return tensordot(a, b, last, range(dims));
}

Tensor cross(const Arg& a, const Arg& b, Dim dim) {
  LocScope scope(a.loc());
  const Operands o = broadcast_operands("cross", a, b, result_type({&a, &b}));
  const int d = wrap_dim("cross", dim, o.a.ndim());
  LILITH_CHECK(o.a.ndim() > 0 && o.a.size(d) == 3, "cross: dimension {} of {}; need size 3", dim,
               o.a.aval().str());
  const auto turned = [&](const Tensor& t, int by) { return widened(roll(t, -by, d)); };
  return narrowed(sub(mul(turned(o.a, 1), turned(o.b, 2)), mul(turned(o.a, 2), turned(o.b, 1))),
                  o.a.dtype());
}

}  // namespace lilith
