#pragma once
#include <vector>

#include "lilith/tensor.h"

// The nodes that run LAPACK. Operands: f32 or f64 matrices of one batch, with elements.
namespace lilith::ops {

/// The inverse and info (i32, 0 where all is well); `check`: Error where a matrix is singular.
std::vector<Tensor> call_inverse(const Tensor& a, bool check);
/// X of A X = B; Error where a matrix is singular.
Tensor call_solve(const Tensor& a, const Tensor& b);
struct Triangle {
  bool upper = false, transposed = false, unit = false;
};
/// X of A X = B (A^T X = B where transposed); `upper` speaks of A.
Tensor call_triangular(const Tensor& a, const Tensor& b, Triangle t);
Tensor call_det(const Tensor& a);
/// The sign and the logarithm of the magnitude.
std::vector<Tensor> call_slogdet(const Tensor& a);
/// L and U as one matrix, the swapped rows from 1.
std::vector<Tensor> call_lu(const Tensor& a);
/// The matrix P of swapped rows: a = P L U has [..., rows, rows].
Tensor call_permutation(const Tensor& pivots, std::int64_t rows, DType dtype);
/// L and info; reads the lower triangle.
std::vector<Tensor> call_cholesky(const Tensor& a, bool check);
/// X of A X = B, A = L L^T (upper: U^T U).
Tensor call_cholesky_solve(const Tensor& factor, const Tensor& b, bool upper);
/// Q and R; complete: Q is square.
std::vector<Tensor> call_qr(const Tensor& a, bool complete);
/// R over the Householder vectors, and tau.
std::vector<Tensor> call_geqrf(const Tensor& a);
/// U, S, Vh; full: U and Vh are square.
std::vector<Tensor> call_svd(const Tensor& a, bool full);
/// U and H of A = U H.
std::vector<Tensor> call_polar(const Tensor& a);
/// Eigenvalues and vectors; reads one triangle.
std::vector<Tensor> call_eigh(const Tensor& a, bool upper);
/// Eigenvalues and vectors of any matrices, complex: pairs in the last dimension.
std::vector<Tensor> call_eig(const Tensor& a);
/// LD, pivots and info (i32), of the lower triangle; `check`: Error where D is singular.
std::vector<Tensor> call_ldl_factor(const Tensor& a, bool check);
/// X of A X = B from what call_ldl_factor gives for A.
Tensor call_ldl_solve(const Tensor& ld, const Tensor& pivots, const Tensor& b);
/// Singular values up to max(atol, rtol times the largest) count as 0.
Tensor call_pinv(const Tensor& a, double atol, double rtol);
/// The solution of least squares, rank (i64), singular values.
std::vector<Tensor> call_lstsq(const Tensor& a, const Tensor& b, double rcond);
Tensor call_matrix_exp(const Tensor& a);

// ---- What their rules share. ----

/// The last two dimensions swapped.
Tensor swapped(const Tensor& x);
/// A matrix product, or undefined where one of them is.
Tensor product(const Tensor& a, const Tensor& b);
/// a + b, where either may be undefined.
Tensor sum_of(const Tensor& a, const Tensor& b);
/// Vectors [..., N] as matrices of one row, [..., 1, N], and of one column, [..., N, 1].
Tensor row(const Tensor& x);
Tensor column(const Tensor& x);
/// The identity as large as the last dimension, without a batch; of x's dtype, on its device.
Tensor identity_like(const Tensor& x);

}  // namespace lilith::ops
