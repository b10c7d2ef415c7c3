#include "core/autocast_state.h"
#include "lilith/ops/create.h"
#include "lilith/ops/decompositions.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/random.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/operands.h"

// Cholesky's, QR, singular value and eigenvalue decompositions, and what follows from them.
namespace lilith {

using namespace ops;

namespace {

Tensor cholesky_of(const Tensor& t, bool upper, bool check, Tensor* info) {
  const std::vector<Tensor> both = call_cholesky(upper ? swapped(t) : t, check);
  if (info) *info = both[1];
  return upper ? swapped(both[0]) : both[0];
}

}  // namespace

Tensor cholesky(const Arg& x, bool upper) {
  LocScope scope(x.loc());
  return narrowed(cholesky_of(square_of("cholesky", x), upper, true, nullptr), x.tensor().dtype());
}

Tensor cholesky_solve(const Arg& b, const Arg& factor, bool upper) {
  LocScope scope(b.loc());
  const Tensor f = square_of("cholesky_solve", factor), rhs = matrices_of("cholesky_solve", b);
  check_rows("cholesky_solve", f, rhs);
  const auto [p, q] = one_batch("cholesky_solve", f, rhs);
  return narrowed(call_cholesky_solve(p, q, upper), b.tensor().dtype());
}

Tensor cholesky_inverse(const Arg& factor, bool upper) {
  LocScope scope(factor.loc());
  const Tensor f = square_of("cholesky_inverse", factor);
  return narrowed(call_cholesky_solve(f, identity(f, f.size(-1)), upper), factor.tensor().dtype());
}

QrResult qr(const Arg& x, bool some) {
  LocScope scope(x.loc());
  return linalg::qr(x, some ? "reduced" : "complete");
}

SvdLegacyResult svd(const Arg& x, bool some) {
  LocScope scope(x.loc());
  const auto [u, s, vh] = linalg::svd(x, !some);
  return {u, s, swapped(vh)};
}

Tensor pinverse(const Arg& x, Real rcond) {
  LocScope scope(x.loc());
  return linalg::pinv(x, {}, rcond);
}

GeqrfResult geqrf(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = matrices_of("geqrf", x);
  const std::vector<Tensor> both = call_geqrf(t);
  return {narrowed(both[0], x.tensor().dtype()), narrowed(both[1], x.tensor().dtype())};
}

namespace {

/// Vectors V and the triangular T of H_1 H_2 … = I - V T V^T. R. Schreiber and C. Van Loan, "A
/// storage-efficient WY representation for products of Householder transformations", SIAM J. Sci.
/// Stat. Comput. 10 (1989): T (I + S diag(tau)) = diag(tau), S the part of V^T V above its
/// diagonal.
struct Reflections {
  Tensor v, t;
};

Reflections reflections(const char* op, const Tensor& x, const Tensor& tau) {
  const std::int64_t k = tau.ndim() > 0 ? tau.size(-1) : 0;
  LILITH_CHECK(
      tau.ndim() == x.ndim() - 1 && k <= x.size(-1) && k <= x.size(-2),
      "{}: got {} and tau {}; need vectors [..., M, N], and factors of up to M and N of them", op,
      x.aval().str(), tau.aval().str());
  const Tensor columns = slice_dim(x, x.ndim() - 1, 0, k);
  const Tensor one = eye(x.size(-2), k, {.dtype = x.dtype(), .device = x.device()});
  const Tensor v = add(tril(columns, -1), one);
  if (k == 0) return {v, Tensor()};
  const Tensor above = triu(matmul(swapped(v), v), 1);
  // X A = D is A^T X^T = D.
  const Tensor x_t = call_triangular(mul(above, unsqueeze(tau, -2)), diag_embed(tau),
                                     {.upper = true, .transposed = true, .unit = true});
  return {v, swapped(x_t)};
}

}  // namespace

Tensor orgqr(const Arg& x, const Arg& tau) {
  LocScope scope(x.loc());
  const AutocastOff inside;
  const Tensor t = matrices_of("orgqr", x);
  LILITH_CHECK(t.size(-2) >= t.size(-1), "orgqr: got {}; need vectors [..., M, N] with M >= N",
               t.aval().str());
  const Reflections h = reflections("orgqr", t, widened(floating(tau)));
  const std::int64_t n = t.size(-1);
  const Tensor one =
      expand(eye(t.size(-2), n, {.dtype = t.dtype(), .device = t.device()}), t.shape());
  if (!h.t.defined()) return narrowed(one, x.tensor().dtype());
  const Tensor top = slice_dim(h.v, h.v.ndim() - 2, 0, n);
  return narrowed(sub(one, matmul(matmul(h.v, h.t), swapped(top))), x.tensor().dtype());
}

Tensor ormqr(const Arg& x, const Arg& tau, const Arg& other, bool left, bool transposed) {
  LocScope scope(x.loc());
  const AutocastOff inside;
  const Tensor t = matrices_of("ormqr", x), c = matrices_of("ormqr", other);
  const Reflections h = reflections("ormqr", t, widened(floating(tau)));
  LILITH_CHECK(c.size(left ? -2 : -1) == t.size(-2), "ormqr: got vectors {} and other {}; need {}",
               t.aval().str(), c.aval().str(),
               left ? "as many rows" : "as many columns of other as vectors have elements");
  if (!h.t.defined()) return narrowed(c, x.tensor().dtype());
  const Tensor inner = transposed ? swapped(h.t) : h.t, vt = swapped(h.v);
  const Tensor less =
      left ? matmul(h.v, matmul(inner, matmul(vt, c))) : matmul(matmul(matmul(c, h.v), inner), vt);
  return narrowed(sub(c, less), x.tensor().dtype());
}

SvdLegacyResult svd_lowrank(const Arg& x, std::optional<Int> q, Int niter, const Tensor& M) {
  LocScope scope(x.loc());
  const AutocastOff inside;
  const Tensor given = matrices_of("svd_lowrank", x);
  const Tensor a = M.defined() ? sub(given, widened(M)) : given;
  const std::int64_t rank = q ? std::int64_t{*q} : std::min<std::int64_t>(6, least_of(a));
  LILITH_CHECK(rank >= 0 && rank <= least_of(a), "svd_lowrank: q is {} of {}; need 0 to {}", rank,
               a.aval().str(), least_of(a));
  LILITH_CHECK(niter >= 0, "svd_lowrank: niter is {}; need 0 or more", niter);
  const auto range_of = [](const Tensor& y) { return linalg::qr(y).Q; };
  Tensor basis =
      range_of(matmul(a, randn({a.size(-1), rank}, {.dtype = a.dtype(), .device = a.device()})));
  for (std::int64_t i = 0; i < niter; ++i) {
    basis = range_of(matmul(swapped(a), basis));
    basis = range_of(matmul(a, basis));
  }
  const auto [u, s, vh] = linalg::svd(matmul(swapped(basis), a), false);
  const DType dtype = x.tensor().dtype();
  return {narrowed(matmul(basis, u), dtype), narrowed(s, dtype), narrowed(swapped(vh), dtype)};
}

SvdLegacyResult pca_lowrank(const Arg& x, std::optional<Int> q, bool center, Int niter) {
  LocScope scope(x.loc());
  const Tensor a = matrices_of("pca_lowrank", x);
  const auto [u, s, v] = svd_lowrank(center ? sub(a, mean(a, -2, true)) : a, q, niter);
  const DType dtype = x.tensor().dtype();
  return {narrowed(u, dtype), narrowed(s, dtype), narrowed(v, dtype)};
}

namespace linalg {

Tensor cholesky(const Arg& x, bool upper) {
  LocScope scope(x.loc());
  return lilith::cholesky(x, upper);
}
CholeskyExResult cholesky_ex(const Arg& x, bool upper) {
  LocScope scope(x.loc());
  Tensor info;
  const Tensor l = cholesky_of(square_of("cholesky_ex", x), upper, false, &info);
  return {narrowed(l, x.tensor().dtype()), info};
}

QrResult qr(const Arg& x, const std::string& mode) {
  LocScope scope(x.loc());
  LILITH_CHECK(mode == "reduced" || mode == "complete" || mode == "r",
               "qr: mode is '{}'; need reduced, complete or r", mode);
  const Tensor t = matrices_of("qr", x);
  const DType dtype = x.tensor().dtype();
  const std::int64_t k = least_of(t);
  const bool complete = mode == "complete";
  if (k == 0) {
    Shape shape = t.shape();
    if (!complete) shape[t.ndim() - 2] = 0;
    const Tensor all = identity(t, t.size(-2));
    return {narrowed(complete ? all : slice_dim(all, t.ndim() - 1, 0, 0), dtype),
            narrowed(make_full(shape, 0, t.dtype(), t.device()), dtype)};
  }
  const std::vector<Tensor> both = call_qr(t, complete);
  const Tensor q = mode == "r" ? make_full({0}, 0, t.dtype(), t.device()) : both[0];
  return {narrowed(q, dtype), narrowed(both[1], dtype)};
}

SvdResult svd(const Arg& x, bool full_matrices) {
  LocScope scope(x.loc());
  const Tensor t = matrices_of("svd", x);
  const DType dtype = x.tensor().dtype();
  if (least_of(t) == 0) {
    const Tensor u = identity(t, t.size(-2)), vh = identity(t, t.size(-1));
    const int last = t.ndim() - 1;
    Shape values = t.shape();
    values.erase(last);
    values[last - 1] = 0;
    return {narrowed(full_matrices ? u : slice_dim(u, last, 0, 0), dtype),
            narrowed(make_full(values, 0, t.dtype(), t.device()), dtype),
            narrowed(full_matrices ? vh : slice_dim(vh, last - 1, 0, 0), dtype)};
  }
  const std::vector<Tensor> all = call_svd(t, full_matrices);
  return {narrowed(all[0], dtype), narrowed(all[1], dtype), narrowed(all[2], dtype)};
}

Tensor svdvals(const Arg& x) {
  LocScope scope(x.loc());
  return linalg::svd(x, false).S;
}

EighResult eigh(const Arg& x, const std::string& UPLO) {
  LocScope scope(x.loc());
  LILITH_CHECK(UPLO == "L" || UPLO == "U", "eigh: UPLO is '{}'; need L or U", UPLO);
  const Tensor t = square_of("eigh", x);
  const std::vector<Tensor> both = call_eigh(t, UPLO == "U");
  return {narrowed(both[0], x.tensor().dtype()), narrowed(both[1], x.tensor().dtype())};
}
Tensor eigvalsh(const Arg& x, const std::string& UPLO) {
  LocScope scope(x.loc());
  return eigh(x, UPLO).eigenvalues;
}

LstsqResult lstsq(const Arg& A, const Arg& B, std::optional<Real> rcond) {
  LocScope scope(A.loc());
  const AutocastOff inside;
  const Tensor given = matrices_of("lstsq", A);
  Tensor rhs = widened(floating(B));
  const bool vector = is_vector(given, rhs);
  if (vector) rhs = unsqueeze(rhs, -1);
  check_rows("lstsq", given, rhs);
  const auto [a, b] = one_batch("lstsq", given, rhs);
  const DType dtype = A.tensor().dtype();
  if (a.numel() == 0) {
    Shape solution = b.shape(), batch = b.shape();
    solution[b.ndim() - 2] = a.size(-1);
    if (vector) solution.erase(b.ndim() - 1);
    batch.erase(b.ndim() - 1);
    batch.erase(b.ndim() - 2);
    Shape values = batch;
    values.push_back(least_of(a));
    return {make_full(solution, 0, dtype, a.device()), make_full({0}, 0, dtype, a.device()),
            make_full(batch, 0, DType::I64, a.device()), make_full(values, 0, dtype, a.device())};
  }
  const std::vector<Tensor> all = call_lstsq(a, b, rcond ? +*rcond : -1.0);
  Tensor residuals = make_full({0}, 0, a.dtype(), a.device());
  if (a.size(-2) > a.size(-1)) residuals = sum(square(sub(lilith::matmul(a, all[0]), b)), -2);
  return {narrowed(vector ? squeeze(all[0], -1) : all[0], dtype), narrowed(residuals, dtype),
          all[1], narrowed(all[2], dtype)};
}

namespace {

// Below which singular values count as 0: an absolute bound, and one times the largest.
struct Bounds {
  double atol, rtol;
};
Bounds bounds_of(const Tensor& t, std::optional<Real> atol, std::optional<Real> rtol) {
  const double eps = t.dtype() == DType::F64 ? 0x1p-52 : 0x1p-23;
  const auto most = static_cast<double>(std::max(t.size(-1), t.size(-2)));
  const bool absolute = atol && *atol > 0;
  return {atol ? +*atol : 0.0, rtol ? +*rtol : absolute ? 0.0 : eps * most};
}

// The singular values, or the magnitudes of the eigenvalues.
Tensor magnitudes(const Arg& x, bool hermitian) {
  return hermitian ? abs(eigvalsh(square_of("matrix_rank", x)))
                   : svdvals(matrices_of("matrix_rank", x));
}
Tensor count_above(const Tensor& s, const Tensor& bound) {
  return sum(make_cast(gt(s, bound), DType::I64), -1);
}

Tensor from_lower(const Tensor& t) { return add(tril(t), swapped(tril(t, -1))); }

}  // namespace

Tensor matrix_rank(const Arg& x, std::optional<Real> atol, std::optional<Real> rtol,
                   bool hermitian) {
  LocScope scope(x.loc());
  const Tensor s = magnitudes(x, hermitian);
  if (s.size(-1) == 0) return sum(make_cast(s, DType::I64), -1);
  const Bounds b = bounds_of(x.tensor(), atol, rtol);
  const Tensor most = amax(s, -1, true);
  return count_above(s, maximum(scale(most, b.rtol), full_as(most, b.atol)));
}

Tensor matrix_rank_by(const Arg& x, const Tensor& atol, const Tensor& rtol, bool hermitian) {
  LocScope scope(x.loc(), "matrix_rank");
  const Tensor s = magnitudes(x, hermitian);
  if (s.size(-1) == 0) return sum(make_cast(s, DType::I64), -1);
  const Tensor most = amax(s, -1, true);
  const auto of_each = [&](const Tensor& given) {
    return unsqueeze(make_cast(given, s.dtype()), -1);
  };
  const Tensor absolute = atol.defined() ? of_each(atol) : full_as(most, 0);
  const double usual = bounds_of(x.tensor(), {}, {}).rtol;
  const Tensor relative =
      rtol.defined()
          ? of_each(rtol)
          : make_select(compare("gt", absolute, 0), full_as(absolute, 0), full_as(absolute, usual));
  return count_above(s, maximum(mul(most, relative), absolute));
}

PolarResult polar(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = matrices_of("polar", x);
  const std::int64_t m = t.size(-2), n = t.size(-1);
  LILITH_CHECK(m >= n, "polar: got {}; need no more columns than rows", t.aval().str());
  const DType dtype = x.tensor().dtype();
  if (t.numel() == 0) {
    Shape square = t.shape();
    square[t.ndim() - 2] = n;
    return {x.tensor(), make_full(square, 0, dtype, t.device())};
  }
  const std::vector<Tensor> both = call_polar(t);
  return {narrowed(both[0], dtype), narrowed(both[1], dtype)};
}

Tensor pinv(const Arg& x, std::optional<Real> atol, std::optional<Real> rtol, bool hermitian) {
  LocScope scope(x.loc());
  const Tensor t = hermitian ? square_of("pinv", x) : matrices_of("pinv", x);
  const Bounds b = bounds_of(t, atol, rtol);
  return narrowed(call_pinv(hermitian ? from_lower(t) : t, b.atol, b.rtol), x.tensor().dtype());
}

Tensor householder_product(const Arg& x, const Arg& tau) {
  LocScope scope(x.loc());
  return orgqr(x, tau);
}

}  // namespace linalg
}  // namespace lilith
