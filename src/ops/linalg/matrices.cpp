#include "ops/linalg/matrices.h"

#include <fmt/format.h>

#include "ops/define.h"

namespace lilith::ops {

std::string which(const Matrices& m, std::int64_t b) {
  return m.count > 1 ? fmt::format("(batch element {}) ", b) : "";
}

void check_matrices(const InferCtx& c, std::size_t operand) {
  const Aval& x = c.in[operand];
  LILITH_CHECK(x.dtype == DType::F32 || x.dtype == DType::F64, "{}: got {}; need f32 or f64", c.op,
               describe(c));
  LILITH_CHECK(x.shape.rank() >= 2, "{}: got {}; need matrices, at least 2 dimensions", c.op,
               describe(c));
}

void check_square(const InferCtx& c, std::size_t operand) {
  check_matrices(c, operand);
  const Shape& s = c.in[operand].shape;
  LILITH_CHECK(s.back() == s[s.rank() - 2], "{}: got {}; need square matrices [..., M, M]", c.op,
               describe(c));
}

void check_system(const InferCtx& c) {
  check_square(c);
  check_rows(c);
}

void check_rows(const InferCtx& c) {
  check_matrices(c);
  check_matrices(c, 1);
  const Shape &a = c.in[0].shape, &b = c.in[1].shape;
  const int rank = a.rank();
  bool fits = b.rank() == rank && c.in[0].dtype == c.in[1].dtype;
  for (int d = 0; fits && d < rank - 1; ++d) fits = a[d] == b[d];
  LILITH_CHECK(fits, "{}: got A, B {}; need one batch, as many rows and one dtype", c.op,
               describe(c));
}

Aval with_tail(const Aval& aval, std::initializer_list<std::int64_t> tail) {
  return with_tail(aval, tail, aval.dtype);
}

Aval with_tail(const Aval& aval, std::initializer_list<std::int64_t> tail, DType dtype) {
  Aval out = aval;
  out.dtype = dtype;
  out.shape = Shape(aval.shape.begin(), static_cast<std::size_t>(aval.shape.rank() - 2));
  for (const std::int64_t d : tail) out.shape.push_back(d);
  return out;
}

}  // namespace lilith::ops
