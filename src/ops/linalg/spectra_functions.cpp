#include "lilith/ops/spectra.h"

#include "ir/one_device.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/autocast.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/operands.h"

// Complex eigenvalues, symmetric factors, and systems that say by a number what went wrong.
namespace lilith::linalg {

using namespace ops;

namespace {

Shape without_last(Shape shape, int n) {
  for (; n > 0; --n) shape.erase(shape.rank() - 1);
  return shape;
}

LdlFactorExResult factored(const char* op, const Arg& x, bool check) {
  const Tensor t = square_of(op, x);
  const std::vector<Tensor> all = call_ldl_factor(t, check);
  return {narrowed(all[0], x.tensor().dtype()), all[1], all[2]};
}

// The number of the first zero on the diagonal, from 1; 0 where there is none.
Tensor first_zero(const Tensor& lu) {
  const std::int64_t k = least_of(lu);
  const Shape batch = without_last(lu.shape(), 2);
  if (k == 0) return make_full(batch, 0, DType::I32, lu.device());
  const Tensor zero = make_cast(eq(lilith::diagonal(lu, 0, -2, -1), 0), DType::I32);
  const Tensor place = make_cast(shift(argmax(zero, -1), 1), DType::I32);
  return mul(place, amax(zero, IntList(-1)));
}

}  // namespace

EigResult eig(const Arg& x) {
  LocScope scope(x.loc());
  const AutocastOff inside;
  const DType dtype = x.tensor().dtype();
  const std::vector<Tensor> both = call_eig(square_of("eig", x));
  return {narrowed(both[0], dtype), narrowed(both[1], dtype)};
}

Tensor eigvals(const Arg& x) {
  LocScope scope(x.loc());
  return eig(x).eigenvalues;
}

LdlFactorResult ldl_factor(const Arg& x) {
  LocScope scope(x.loc());
  const LdlFactorExResult all = factored("ldl_factor", x, true);
  return {all.LD, all.pivots};
}

LdlFactorExResult ldl_factor_ex(const Arg& x) {
  LocScope scope(x.loc());
  return factored("ldl_factor_ex", x, false);
}

Tensor ldl_solve(const Tensor& LD, const Tensor& pivots, const Arg& B) {
  LocScope scope(B.loc());
  const Tensor f = square_of("ldl_solve", LD), rhs = matrices_of("ldl_solve", B);
  check_rows("ldl_solve", f, rhs);
  LILITH_CHECK(pivots.shape() == without_last(f.shape(), 1) && is_integral(pivots.dtype()),
               "ldl_solve: pivots {} of LD {}; need a whole number for each row",
               pivots.aval().str(), f.aval().str());
  const auto [a, b] = one_batch("ldl_solve", f, rhs);
  const Tensor swaps = expand(make_cast(pivots, DType::I64), without_last(a.shape(), 1));
  return narrowed(call_ldl_solve(a, swaps, b), B.tensor().dtype());
}

LuFactorExResult lu_factor_ex(const Arg& x) {
  LocScope scope(x.loc());
  const auto [LU, pivots] = lilith::lu(x);
  return {LU, pivots, first_zero(LU)};
}

SolveExResult solve_ex(const Arg& A, const Arg& B, bool left) {
  LocScope scope(A.loc());
  const AutocastOff inside;
  const LuFactorExResult f = lu_factor_ex(A);
  const Tensor b = B.tensor();
  const bool vector = is_vector(f.LU, b);
  const Tensor x = lu_solve(f.LU, f.pivots, vector ? unsqueeze(b, -1) : b, left || vector);
  return {vector ? squeeze(x, -1) : x, f.info};
}

}  // namespace lilith::linalg
