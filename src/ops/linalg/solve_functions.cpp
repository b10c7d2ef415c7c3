#include "core/autocast_state.h"
#include "lilith/ops/create.h"
#include "lilith/ops/decompositions.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/operands.h"

// Inverses, determinants, systems of equations and what follows from LU decompositions.
namespace lilith {

using namespace ops;

Tensor inverse(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = square_of("inverse", x);
  return narrowed(call_inverse(t, true)[0], x.tensor().dtype());
}

namespace {

// Of matrices [0, 0]: `value`, by a way that has a gradient.
Tensor of_no_elements(const Tensor& x, double value) { return shift(sum(x, {-2, -1}), value); }

}  // namespace

Tensor det(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = square_of("det", x);
  return narrowed(t.size(-1) == 0 ? of_no_elements(t, 1) : call_det(t), x.tensor().dtype());
}

SlogdetResult slogdet(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = square_of("slogdet", x);
  const DType dtype = x.tensor().dtype();
  if (t.size(-1) == 0)
    return {narrowed(of_no_elements(t, 1), dtype), narrowed(of_no_elements(t, 0), dtype)};
  const std::vector<Tensor> both = call_slogdet(t);
  return {narrowed(both[0], dtype), narrowed(both[1], dtype)};
}

Tensor logdet(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = square_of("logdet", x);
  if (t.size(-1) == 0) return narrowed(of_no_elements(t, 0), x.tensor().dtype());
  const std::vector<Tensor> both = call_slogdet(t);
  return narrowed(make_select(compare("lt", both[0], 0),
                              full_as(both[1], std::numeric_limits<double>::quiet_NaN()), both[1]),
                  x.tensor().dtype());
}

LuFactorResult lu(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = matrices_of("lu", x);
  const std::vector<Tensor> both = call_lu(t);
  return {narrowed(both[0], x.tensor().dtype()), both[1]};
}

LuResult lu_unpack(const Arg& LU, const Tensor& pivots) {
  LocScope scope(LU.loc());
  const Tensor t = matrices_of("lu_unpack", LU);
  const DType dtype = LU.tensor().dtype();
  const std::int64_t m = t.size(-2), k = least_of(t);
  LILITH_CHECK(pivots.ndim() == t.ndim() - 1 && pivots.size(-1) == k,
               "lu_unpack: pivots {} of {}; need {} for each matrix", pivots.aval().str(),
               t.aval().str(), k);
  const Tensor one = eye(m, k, {.dtype = t.dtype(), .device = t.device()});
  const Tensor columns = slice_dim(t, t.ndim() - 1, 0, k), rows = slice_dim(t, t.ndim() - 2, 0, k);
  const Tensor p = k == 0 ? identity(t, m) : call_permutation(pivots, m, t.dtype());
  return {narrowed(p, dtype), narrowed(add(tril(columns, -1), one), dtype),
          narrowed(triu(rows), dtype)};
}

Tensor lu_solve(const Arg& b, const Tensor& LU, const Tensor& pivots) {
  LocScope scope(b.loc());
  const AutocastOff inside;
  return linalg::lu_solve(LU, pivots, b);
}

Tensor matrix_power(const Arg& x, Int n) {
  LocScope scope(x.loc());
  const AutocastOff inside;
  const Tensor t = x.tensor();
  LILITH_CHECK(t.ndim() >= 2 && t.size(-1) == t.size(-2),
               "matrix_power: got {}; need square matrices [..., M, M]", t.aval().str());
  if (n == 0) return identity(t, t.size(-1));
  LILITH_CHECK(n > 0 || is_floating(t.dtype()),
               "matrix_power: n is {} of {}; integers have no inverse", n, t.aval().str());
  return rounded_once(t, [&](Tensor square) {
    if (n < 0) square = call_inverse(square, true)[0];
    Tensor out;
    for (std::int64_t left = n < 0 ? -n : +n;; square = matmul(square, square)) {
      if (left % 2 == 1) out = out.defined() ? matmul(out, square) : square;
      if ((left /= 2) == 0) return out;
    }
  });
}

Tensor matrix_exp(const Arg& x) {
  LocScope scope(x.loc());
  return narrowed(call_matrix_exp(square_of("matrix_exp", x)), x.tensor().dtype());
}

Tensor vecdot(const Arg& a, const Arg& b, Dim dim) {
  LocScope scope(a.loc());
  const DType dtype = ops::result_type({&a, &b});
  const Operands o = broadcast_operands("vecdot", a, b, dtype);
  return narrowed(sum(mul(widened(o.a), widened(o.b)), dim), dtype);
}

namespace linalg {

Tensor inv(const Arg& x) {
  LocScope scope(x.loc());
  return inverse(x);
}
InvExResult inv_ex(const Arg& x) {
  LocScope scope(x.loc());
  const std::vector<Tensor> both = call_inverse(square_of("inv_ex", x), false);
  return {narrowed(both[0], x.tensor().dtype()), both[1]};
}
Tensor det(const Arg& x) {
  LocScope scope(x.loc());
  return lilith::det(x);
}
SlogdetResult slogdet(const Arg& x) {
  LocScope scope(x.loc());
  return lilith::slogdet(x);
}

Tensor solve(const Arg& A, const Arg& B, bool left) {
  LocScope scope(A.loc());
  Tensor a = square_of("solve", A), b = widened(floating(B));
  const bool vector = is_vector(a, b);
  LILITH_CHECK(left || !vector, "solve: B {} is a vector; need a matrix where left is false",
               b.aval().str());
  if (vector) b = unsqueeze(b, -1);
  if (!left) {
    a = swapped(a);
    b = swapped(b);
  }
  check_rows("solve", a, b);
  const auto [p, q] = one_batch("solve", a, b);
  const Tensor x = call_solve(p, q);
  return narrowed(vector ? squeeze(x, -1) : left ? x : swapped(x), B.tensor().dtype());
}

Tensor solve_triangular(const Arg& A, const Arg& B, bool upper, bool left, bool unitriangular) {
  LocScope scope(A.loc());
  const Tensor a = square_of("solve_triangular", A), b = matrices_of("solve_triangular", B);
  const Tensor rhs = left ? b : swapped(b);
  check_rows("solve_triangular", a, rhs);
  const auto [p, q] = one_batch("solve_triangular", a, rhs);
  // X A = B is A^T X^T = B^T.
  const Tensor x =
      call_triangular(p, q, {.upper = upper, .transposed = !left, .unit = unitriangular});
  return narrowed(left ? x : swapped(x), B.tensor().dtype());
}

LuFactorResult lu_factor(const Arg& x) {
  LocScope scope(x.loc());
  return lilith::lu(x);
}

LuResult lu(const Arg& x) {
  LocScope scope(x.loc());
  const auto [LU, pivots] = lilith::lu(x);
  return lu_unpack(LU, pivots);
}

Tensor lu_solve(const Tensor& LU, const Tensor& pivots, const Arg& B, bool left, bool adjoint) {
  LocScope scope(B.loc());
  const Tensor f = square_of("lu_solve", LU), given = matrices_of("lu_solve", B);
  const Tensor rhs = left ? given : swapped(given);
  check_rows("lu_solve", f, rhs);
  const std::int64_t n = f.size(-1);
  Tensor x;
  if (n == 0) {
    x = one_batch("lu_solve", f, rhs).second;
  } else {
    const Tensor p = call_permutation(pivots, n, f.dtype());
    const Triangle l{.upper = false, .transposed = adjoint == left, .unit = true},
        u{.upper = true, .transposed = adjoint == left, .unit = false};
    const auto solved = [&](const Tensor& y, Triangle t) {
      const auto [a, b] = one_batch("lu_solve", f, y);
      return call_triangular(a, b, t);
    };
    // A = P L U.
    x = l.transposed ? lilith::matmul(p, solved(solved(rhs, u), l))
                     : solved(solved(lilith::matmul(swapped(p), rhs), l), u);
  }
  return narrowed(left ? x : swapped(x), B.tensor().dtype());
}

Tensor matrix_power(const Arg& x, Int n) {
  LocScope scope(x.loc());
  return lilith::matrix_power(x, n);
}
Tensor matrix_exp(const Arg& x) {
  LocScope scope(x.loc());
  return lilith::matrix_exp(x);
}

Tensor tensorinv(const Arg& x, Int ind) {
  LocScope scope(x.loc());
  const Tensor t = floating(x);
  LILITH_CHECK(ind > 0 && ind < t.ndim(), "tensorinv: ind is {} of {}; need 0 < ind < {}", ind,
               t.aval().str(), t.ndim());
  Shape shape;
  std::int64_t rows = 1, cols = 1;
  for (int d = static_cast<int>(ind); d < t.ndim(); ++d) {
    shape.push_back(t.shape()[d]);
    cols *= t.shape()[d];
  }
  for (int d = 0; d < ind; ++d) {
    shape.push_back(t.shape()[d]);
    rows *= t.shape()[d];
  }
  LILITH_CHECK(rows == cols,
               "tensorinv: got {} with ind {}: {} elements before and {} behind; need as many",
               t.aval().str(), ind, rows, cols);
  return reshape(inverse(reshape(t, {rows, cols})), shape);
}

Tensor tensorsolve(const Arg& A, const Arg& B, const IntList& dims) {
  LocScope scope(A.loc());
  Tensor a = floating(A);
  const Tensor b = floating(B);
  if (!dims.empty()) {
    Ints order = wrap_dims("tensorsolve", dims, a.ndim()), perm = other_dims(a.ndim(), order);
    perm.insert(perm.end(), order.begin(), order.end());
    a = make_transpose(a, perm);
  }
  Shape shape;
  for (int d = b.ndim(); d < a.ndim(); ++d) shape.push_back(a.shape()[d]);
  LILITH_CHECK(a.numel() == b.numel() * shape.numel() && shape.numel() == b.numel(),
               "tensorsolve: got A {}, B {}; need as many unknowns as equations", a.aval().str(),
               b.aval().str());
  return reshape(solve(reshape(a, {b.numel(), shape.numel()}), reshape(b, {b.numel()})), shape);
}

}  // namespace linalg
}  // namespace lilith
