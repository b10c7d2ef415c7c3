#pragma once
#include "lilith/ops/decompositions.h"

namespace lilith {

struct EigResult {
  Tensor eigenvalues, eigenvectors;
};
struct LdlFactorResult {
  Tensor LD, pivots;
};
struct LdlFactorExResult {
  Tensor LD, pivots, info;
};
struct LuFactorExResult {
  Tensor LU, pivots, info;
};
struct SolveExResult {
  Tensor result, info;
};

/// What torch.linalg has beside the functions of lilith/ops/decompositions.h.
namespace linalg {

/// Eigenvalues [..., N, 2] and vectors (columns, of length 1) [..., N, N, 2] of square matrices
/// [..., N, N]: complex numbers as pairs in the last dimension, as everywhere in Lilith. Computed
/// in f64. Gradients of the vectors need distinct eigenvalues, and a loss that does not depend on
/// the vectors' phases. Errors: x not square, not finite. Ref: torch.linalg.eig
EigResult eig(const Arg& x);
/// The eigenvalues alone. Ref: torch.linalg.eigvals
Tensor eigvals(const Arg& x);
/// L and D with P^T x P = L D L^T of symmetric matrices, of which the lower triangle is read: D is
/// block diagonal, L has ones on its diagonal, both stand in the lower triangle of LD. pivots i32
/// [..., N] as LAPACK's sytrf has them. No gradient, as in PyTorch. Error where D is singular. Ref:
/// torch.linalg.ldl_factor
LdlFactorResult ldl_factor(const Arg& x);
/// No Error: info i32 [...] is 0 where all is well, else the row of D's first zero. Ref:
/// torch.linalg.ldl_factor_ex
LdlFactorExResult ldl_factor_ex(const Arg& x);
/// X of A X = B, B [..., N, K], from what ldl_factor gives for A; broadcast. No gradient, as in
/// PyTorch. Error when run: pivots that no factorisation of N rows has. Ref: torch.linalg.ldl_solve
Tensor ldl_solve(const Tensor& LD, const Tensor& pivots, const Arg& B);
/// lu_factor with info: 0 where all is well, else the row of U's first zero. Ref:
/// torch.linalg.lu_factor_ex
LuFactorExResult lu_factor_ex(const Arg& x);
/// solve without an Error: info as lu_factor_ex has it; where it is not 0 the result is not finite.
/// Ref: torch.linalg.solve_ex
SolveExResult solve_ex(const Arg& A, const Arg& B, bool left = true);

}  // namespace linalg
}  // namespace lilith
