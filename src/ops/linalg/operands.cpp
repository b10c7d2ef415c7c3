#include "ops/linalg/operands.h"

#include "lilith/ops/create.h"
#include "lilith/ops/shape.h"

namespace lilith::ops {
namespace {

Shape batch_of(const Tensor& x) {
  return Shape(x.shape().begin(), static_cast<std::size_t>(x.ndim() - 2));
}

}  // namespace

Tensor matrices_of(const char* op, const Arg& x) {
  const Tensor t = widened(floating(x));
  LILITH_CHECK(t.ndim() >= 2, "{}: got {}; need matrices, at least 2 dimensions", op,
               x.tensor().aval().str());
  return t;
}

Tensor square_of(const char* op, const Arg& x) {
  const Tensor t = matrices_of(op, x);
  LILITH_CHECK(t.size(-1) == t.size(-2), "{}: got {}; need square matrices [..., M, M]", op,
               t.aval().str());
  return t;
}

std::pair<Tensor, Tensor> one_batch(const char* op, const Tensor& a, const Tensor& b) {
  LILITH_CHECK(a.dtype() == b.dtype(), "{}: dtypes differ: {}, {}; need equal dtypes", op,
               a.aval().str(), b.aval().str());
  Shape sa = batch_of(a), sb = batch_of(b);
  if (!(sa == sb)) {
    const Tensor stand_ins[] = {make_full(sa, 0, a.dtype(), a.device()),
                                make_full(sb, 0, b.dtype(), b.device())};
    sa = sb = broadcast_shapes(op, stand_ins);
  }
  for (int d = 2; d > 0; --d) {
    sa.push_back(a.size(-d));
    sb.push_back(b.size(-d));
  }
  return {broadcast_last(a, sa), broadcast_last(b, sb)};
}

void check_rows(const char* op, const Tensor& a, const Tensor& b) {
  LILITH_CHECK(a.size(-2) == b.size(-2), "{}: got A {}, B {}; need as many rows", op,
               a.aval().str(), b.aval().str());
}

bool is_vector(const Tensor& a, const Tensor& b) {
  if (b.ndim() == 1) return true;
  if (b.ndim() != a.ndim() - 1) return false;
  for (int d = 0; d < b.ndim(); ++d)
    if (b.shape()[d] != a.shape()[d]) return false;
  return true;
}

Tensor identity(const Tensor& x, std::int64_t n) {
  Shape shape = batch_of(x);
  shape.push_back(n);
  shape.push_back(n);
  return expand(eye(n, {}, {.dtype = x.dtype(), .device = x.device()}), shape);
}

}  // namespace lilith::ops
