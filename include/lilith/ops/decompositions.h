#pragma once
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lilith/detail/choice.h"
#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

// Linear algebra of matrices [..., M, N]: leading dimensions are a batch, and those of two operands
// broadcast. f32 and f64 by LAPACK, which is opened when the first of these runs (an Error says how
// to install it where there is none); halves are computed in f32. They run on the host: operands on
// other devices are copied. An Error that depends on values (a singular matrix) comes where the
// value is computed, at the line of the call.
namespace lilith {

struct QrResult {
  Tensor Q, R;
};
struct SvdResult {
  Tensor U, S, Vh;
};
struct PolarResult {
  Tensor U, H;
};
struct SvdLegacyResult {
  Tensor U, S, V;
};
struct EighResult {
  Tensor eigenvalues, eigenvectors;
};
struct SlogdetResult {
  Tensor sign, logabsdet;
};
struct LuFactorResult {
  Tensor LU, pivots;
};
struct LuResult {
  Tensor P, L, U;
};
struct LstsqResult {
  Tensor solution, residuals, rank, singular_values;
};
struct CholeskyExResult {
  Tensor L, info;
};
struct InvExResult {
  Tensor inverse, info;
};
struct GeqrfResult {
  Tensor a, tau;
};

/// The kinds of a matrix's norm: "fro" the root of the squares' sum, "nuc" the sum of the singular
/// values.
struct MatrixNormNames {
  enum class Kind : std::uint8_t { Fro, Nuc };
  using enum Kind;
  static constexpr char what[] = "norm";
  static constexpr std::string_view words[] = {"fro", "nuc"};
};
using MatrixNorm = detail::Choice<MatrixNormNames>;

/// The inverse of square matrices. Error where one is singular. Ref: torch.inverse
Tensor inverse(const Arg& x);
/// The determinant; its gradient holds for singular matrices too. [..., M, M] -> [...]. Ref:
/// torch.det
Tensor det(const Arg& x);
/// log(det(x)): -inf where it is 0, NaN where it is negative. Ref: torch.logdet
Tensor logdet(const Arg& x);
/// The sign of the determinant and the logarithm of its magnitude. Ref: torch.slogdet
SlogdetResult slogdet(const Arg& x);
/// L with x = L L^T, of the lower triangle of x; upper: U with x = U^T U, of the upper one. Error
/// where x is not positive-definite. Ref: torch.linalg.cholesky
Tensor cholesky(const Arg& x, bool upper = false);
/// The solution X of A X = b, A = L L^T (upper: U^T U). b: [..., M, K]. Ref: torch.cholesky_solve
Tensor cholesky_solve(const Arg& b, const Arg& factor, bool upper = false);
/// The inverse of L L^T (upper: U^T U). Ref: torch.cholesky_inverse
Tensor cholesky_inverse(const Arg& factor, bool upper = false);
/// x = Q R. some: Q [..., M, K], R [..., K, N], K = min(M, N); else Q [..., M, M]. Ref: torch.qr
QrResult qr(const Arg& x, bool some = true);
/// x = U diag(S) V^T, S in descending order. some: U [..., M, K], V [..., N, K]. Gradients of U and
/// V need distinct singular values. Ref: torch.svd
SvdLegacyResult svd(const Arg& x, bool some = true);
/// The Moore-Penrose inverse; singular values up to rcond times the largest count as 0. Ref:
/// torch.pinverse
Tensor pinverse(const Arg& x, Real rcond = 1e-15);
/// e^x of square matrices. Padé's approximation with squaring (Higham, SIAM J. Matrix Anal. Appl.
/// 26, 2005), in f64. Ref: torch.matrix_exp
Tensor matrix_exp(const Arg& x);
/// P, L, U with x = P L U as one matrix, and the rows that were swapped, from 1: i32 [..., K]. Ref:
/// torch.lu
LuFactorResult lu(const Arg& x);
/// P, L and U from what lu gives. Ref: torch.lu_unpack
LuResult lu_unpack(const Arg& LU, const Tensor& pivots);
/// The solution of A X = b from what lu gives for A. Ref: torch.lu_solve
Tensor lu_solve(const Arg& b, const Tensor& LU, const Tensor& pivots);
/// The Householder vectors of a QR decomposition below its R, and their factors tau [..., K]. No
/// gradient. Ref: torch.geqrf
GeqrfResult geqrf(const Arg& x);
/// The first columns of H_1 H_2 …, H_i = I - tau_i v_i v_i^T, from vectors as geqrf has them. Ref:
/// torch.orgqr
Tensor orgqr(const Arg& x, const Arg& tau);
/// Q other, or other Q with left = false, Q as orgqr's but square; transposed: Q^T. Ref:
/// torch.ormqr
Tensor ormqr(const Arg& x, const Arg& tau, const Arg& other, bool left = true,
             bool transposed = false);
/// The norm of matrices, the last two dimensions or `dim`.
Tensor norm(const Arg& x, MatrixNorm p, const IntList& dim = {}, bool keepdim = false);
/// The sum over dim of a b. Ref: torch.linalg.vecdot
Tensor vecdot(const Arg& a, const Arg& b, Dim dim = -1);
/// About the q largest singular values and vectors of x [..., M, N], by products with random ones
/// (Halko, Martinsson and Tropp, SIAM Review 53, 2011). Ref: torch.svd_lowrank
SvdLegacyResult svd_lowrank(const Arg& x, std::optional<Int> q = {}, Int niter = 2,
                            const Tensor& M = {});
/// The same of x less the mean of its rows, where `center`. Ref: torch.pca_lowrank
SvdLegacyResult pca_lowrank(const Arg& x, std::optional<Int> q = {}, bool center = true,
                            Int niter = 2);

/// torch.linalg. Functions that lilith has under the same name are described there.
namespace linalg {

Tensor inv(const Arg& x);
/// No Error: info [...] i32 is 0 where all is well, else the row that says why not.
InvExResult inv_ex(const Arg& x);
Tensor det(const Arg& x);
SlogdetResult slogdet(const Arg& x);
Tensor cholesky(const Arg& x, bool upper = false);
/// No Error: info as inv_ex has it.
CholeskyExResult cholesky_ex(const Arg& x, bool upper = false);
/// X of A X = B, or X A = B with left = false. B: [..., M, K], or a batch of vectors [..., M] where
/// it has one dimension, or A's shape without the last. Error where A is singular. Ref:
/// torch.linalg.solve
Tensor solve(const Arg& A, const Arg& B, bool left = true);
/// The same for a triangular A; the other triangle is not read, nor, with unitriangular, the
/// diagonal. Ref: torch.linalg.solve_triangular
Tensor solve_triangular(const Arg& A, const Arg& B, bool upper, bool left = true,
                        bool unitriangular = false);
/// mode: "reduced", "complete" or "r" (Q has no elements then). Ref: torch.linalg.qr
QrResult qr(const Arg& x, const std::string& mode = "reduced");
/// x = U diag(S) Vh. full_matrices: U [..., M, M], Vh [..., N, N]. Ref: torch.linalg.svd
SvdResult svd(const Arg& x, bool full_matrices = true);
/// x = U H: U [..., M, N] with orthonormal columns, H [..., N, N] symmetric and with no eigenvalue
/// below 0; M >= N. The gradient needs a full rank. Error where M < N. Ref: torch.linalg.polar
PolarResult polar(const Arg& x);
/// Singular values in descending order: [..., min(M, N)]. Ref: torch.linalg.svdvals
Tensor svdvals(const Arg& x);
/// Eigenvalues in ascending order, and vectors (columns), of symmetric matrices, of which the "L"
/// lower or "U" upper triangle is read. Gradients of the vectors need distinct eigenvalues. Ref:
/// torch.linalg.eigh
EighResult eigh(const Arg& x, const std::string& UPLO = "L");
Tensor eigvalsh(const Arg& x, const std::string& UPLO = "L");
/// The least-squares solution X of A X = B of the least norm, by singular values. residuals: the
/// squares' sums [..., K], no elements where M <= N; rank: i64 [...]. Gradients flow through the
/// solution. Ref: torch.linalg.lstsq with driver gelsd
LstsqResult lstsq(const Arg& A, const Arg& B, std::optional<Real> rcond = {});
Tensor matrix_exp(const Arg& x);
Tensor matrix_power(const Arg& x, Int n);
/// The number of singular values above max(atol, rtol * the largest); rtol is max(M, N) eps where
/// neither is given. i64 [...]. Ref: torch.linalg.matrix_rank
Tensor matrix_rank(const Arg& x, std::optional<Real> atol = {}, std::optional<Real> rtol = {},
                   bool hermitian = false);
/// The same with tolerances for each matrix, tensors that broadcast to x's batch; undefined: none.
Tensor matrix_rank_by(const Arg& x, const Tensor& atol, const Tensor& rtol, bool hermitian = false);
template <std::derived_from<Tensor> T>
Tensor matrix_rank(const Arg& x, const T& atol, const Tensor& rtol = {}, bool hermitian = false) {
  return matrix_rank_by(x, atol, rtol, hermitian);
}
/// The Moore-Penrose inverse; singular values up to max(atol, rtol * the largest) count as 0. Ref:
/// torch.linalg.pinv
Tensor pinv(const Arg& x, std::optional<Real> atol = {}, std::optional<Real> rtol = {},
            bool hermitian = false);
LuResult lu(const Arg& x);
LuFactorResult lu_factor(const Arg& x);
/// X of A X = B (X A = B, A^T X = B) from what lu_factor gives for A. Ref: torch.linalg.lu_solve
Tensor lu_solve(const Tensor& LU, const Tensor& pivots, const Arg& B, bool left = true,
                bool adjoint = false);
Tensor householder_product(const Arg& x, const Arg& tau);
/// The inverse of x as a map from the dimensions behind `ind` to those before. Ref:
/// torch.linalg.tensorinv
Tensor tensorinv(const Arg& x, Int ind = 2);
/// X of tensordot(A, X, X.ndim()) = B; dims of A go to its end first. Ref: torch.linalg.tensorsolve
Tensor tensorsolve(const Arg& A, const Arg& B, const IntList& dims = {});
/// The condition number by a norm: 2 (the default), -2, 1, -1, inf, -inf, "fro" or "nuc". Ref:
/// torch.linalg.cond
Tensor cond(const Arg& x, Real p = 2);
Tensor cond(const Arg& x, MatrixNorm p);
/// The product of matrices in the order that takes the least work; the first and the last may be
/// vectors. Ref: torch.linalg.multi_dot
Tensor multi_dot(const std::vector<Tensor>& tensors,
                 SourceLocation loc = SourceLocation::current());
/// Of a matrix norm when dim has two entries or is absent for a matrix and ord is given, else of a
/// vector's. Ref: torch.linalg.norm
Tensor norm(const Arg& x, std::optional<Real> ord = {}, const IntList& dim = {},
            bool keepdim = false, std::optional<DType> dtype = {});
Tensor norm(const Arg& x, MatrixNorm ord, const IntList& dim = {}, bool keepdim = false,
            std::optional<DType> dtype = {});
Tensor vector_norm(const Arg& x, Real ord = 2, const IntList& dim = {}, bool keepdim = false,
                   std::optional<DType> dtype = {});
/// ord: "fro", "nuc", or 1, -1 (columns' sums), inf, -inf (rows' sums), 2, -2 (singular values).
/// Ref: torch.linalg.matrix_norm
Tensor matrix_norm(const Arg& x, MatrixNorm ord = MatrixNorm::Fro, const IntList& dim = {-2, -1},
                   bool keepdim = false, std::optional<DType> dtype = {});
Tensor matrix_norm(const Arg& x, Real ord, const IntList& dim = {-2, -1}, bool keepdim = false,
                   std::optional<DType> dtype = {});
/// Keyword arguments: linalg::norm(x, {.ord = 1, .dim = 1}), linalg::vector_norm(x, 2, {.dim = 1}),
/// linalg::solve_triangular(A, B, {.upper = true}), linalg::svd(x, {.full_matrices = false}).
struct LinalgNormKeywords {
  detail::Named named = {};
  std::optional<Real> ord = {};
  IntList dim = {};
  bool keepdim = false;
  std::optional<DType> dtype = {};
};
Tensor norm(const Arg& x, const LinalgNormKeywords& k);
Tensor vector_norm(const Arg& x, const LinalgNormKeywords& k);
Tensor norm(const Arg& x, Real ord, const SumKeywords& k);
Tensor norm(const Arg& x, MatrixNorm ord, const SumKeywords& k);
Tensor vector_norm(const Arg& x, Real ord, const SumKeywords& k);
struct TriangularKeywords {
  detail::Named named = {};
  std::optional<bool> upper = {};  // has to be given
  bool left = true;
  bool unitriangular = false;
};
Tensor solve_triangular(const Arg& A, const Arg& B, const TriangularKeywords& k);
struct FullMatricesKeyword {
  detail::Named named = {};
  bool full_matrices = true;
};
SvdResult svd(const Arg& x, const FullMatricesKeyword& k);
/// Rows 1, x, x^2, …, x^(N - 1): [..., n] -> [..., n, N]. Ref: torch.linalg.vander
Tensor vander(const Arg& x, std::optional<Int> N = {});
Tensor cross(const Arg& a, const Arg& b, Dim dim = -1);
Tensor vecdot(const Arg& a, const Arg& b, Dim dim = -1);
Tensor diagonal(const Arg& x, Int offset = 0, Dim dim1 = -2, Dim dim2 = -1);
Tensor matmul(const Arg& a, const Arg& b);

}  // namespace linalg
}  // namespace lilith
