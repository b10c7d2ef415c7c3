#include <algorithm>
#include <cmath>
#include <limits>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/shape.h"
#include "ops/define.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/svd.h"
#include "ops/primitives.h"

// Singular values, eigenvalues of symmetric matrices, and what is computed by them.
namespace lilith::ops {
namespace {

using Cts = std::vector<Tensor>;

Tensor first(const Tensor& x, int dim, std::int64_t n) {
  const int d = dim + x.ndim();
  return x.shape()[d] == n ? x : slice_dim(x, d, 0, n);
}

Tensor skew(const Tensor& x) { return sub(x, swapped(x)); }

// ---- svd ----

/// gA = U [(skew(U^T gU) / E) S + S (skew(V^T gV) / E) + diag(gS)] V^T, E_jk = s_k^2 - s_j^2, and
/// what lies outside of the spaces that U and V span. J. Townsend, "Differentiating the singular
/// value decomposition", 2016.
Cts svd_vjp(const VjpCtx& c, const Cts& cts) {
  const std::vector<Tensor> made = ir::results_of(c.out);
  const std::int64_t m = c.in[0].size(-2), n = c.in[0].size(-1), k = std::min(m, n);
  const Tensor u = first(made[0], -1, k), s = made[1], vh = first(made[2], -2, k);
  const Tensor gu = cts[0].defined() ? first(cts[0], -1, k) : Tensor(), gs = cts[1],
               gvh = cts[2].defined() ? first(cts[2], -2, k) : Tensor();
  Tensor inner = gs.defined() ? diag_embed(gs) : Tensor();
  if (gu.defined() || gvh.defined()) {
    const Tensor s2 = mul(s, s);
    const Tensor e = add(sub(row(s2), column(s2)), identity_like(diag_embed(s)));
    if (gu.defined()) inner = sum_of(inner, mul(div(skew(matmul(swapped(u), gu)), e), row(s)));
    if (gvh.defined())
      inner = sum_of(inner, mul(column(s), div(skew(matmul(vh, swapped(gvh))), e)));
  }
  if (!inner.defined()) return {Tensor()};
  Tensor left = matmul(u, inner);
  if (gu.defined() && m > k) {
    const Tensor g = div(gu, row(s));
    left = add(left, sub(g, matmul(u, matmul(swapped(u), g))));
  }
  Tensor out = matmul(left, vh);
  if (gvh.defined() && n > k) {
    const Tensor g = div(gvh, column(s));
    out = add(out, matmul(u, sub(g, matmul(matmul(g, swapped(vh)), vh))));
  }
  return {out};
}

const OpDef& svd_op = define(HostFunction{
    .name = "svd",
    .several = true,
    .results =
        [](const InferCtx& c) {
          check_matrices(c);
          const Shape& s = c.in[0].shape;
          const std::int64_t m = s[s.rank() - 2], n = s.back(), k = std::min(m, n);
          const bool full = c.attrs.flag("full");
          return std::vector{with_tail(c.in[0], {m, full ? m : k}), with_tail(c.in[0], {k}),
                             with_tail(c.in[0], {full ? n : k, n})};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]), u(c.out_avals[0]), v(c.out_avals[2]);
      for (std::int64_t b = 0; b < m.count; ++b) {
        const Svd x = decompose(c.input<T>(0) + b * m.size, m, c.attrs.flag("full"));
        turn(x.u.data(), u.cols, u.rows, c.output<T>(0) + b * u.size);
        std::ranges::transform(x.s, c.output<T>(1) + b * m.least(),
                               [](double v) { return static_cast<T>(v); });
        turn(x.vt.data(), v.cols, v.rows, c.output<T>(2) + b * v.size);
      }
    }),
    .vjp = svd_vjp});

// ---- eigh ----

// gA = V (diag(gw) + skew(V^T gV) / 2E) V^T, E_jk = w_k - w_j.
Cts eigh_vjp(const VjpCtx& c, const Cts& cts) {
  const std::vector<Tensor> made = ir::results_of(c.out);
  const Tensor &w = made[0], &v = made[1];
  Tensor inner = cts[0].defined() ? diag_embed(cts[0]) : Tensor();
  if (cts[1].defined()) {
    const Tensor one = identity_like(v);
    const Tensor e = add(sub(row(w), column(w)), one);
    const Tensor off = div(scale(skew(matmul(swapped(v), cts[1])), 0.5), e);
    inner = sum_of(inner, off);
  }
  if (!inner.defined()) return {Tensor()};
  return {matmul(matmul(v, inner), swapped(v))};
}

template <class T>
void run_eigh(CallCtx& c) {
  const Matrices m(c.in_avals[0]);
  const int n = m.rows;
  const char* triangle = c.attrs.flag("upper") ? "U" : "L";
  std::vector<double> w(static_cast<std::size_t>(n));
  for (std::int64_t b = 0; b < m.count; ++b) {
    const T* x = c.input<T>(0) + b * m.size;
    for (int i = 0; i < n; ++i)
      check_finite(x + i * n + (*triangle == 'U' ? i : 0), *triangle == 'U' ? n - i : i + 1);
    std::vector<double> a = turned<double>(x, n, n), work(1);
    std::vector<int> iwork(1);
    int info = 0;
    for (const bool asks : {true, false}) {
      const int size = asks ? -1 : static_cast<int>(work.size()),
                isize = asks ? -1 : static_cast<int>(iwork.size());
      lapack::api<double>().syevd("V", triangle, &n, a.data(), &n, w.data(), work.data(), &size,
                                  iwork.data(), &isize, &info, 1, 1);
      if (!asks) break;
      work.resize(static_cast<std::size_t>(work[0]));
      iwork.resize(static_cast<std::size_t>(iwork[0]));
    }
    if (info != 0)
      throw CallError(
          fmt::format("{}the algorithm failed to converge because the input matrix is "
                      "ill-conditioned or has too many repeated eigenvalues",
                      which(m, b)));
    std::ranges::transform(w, c.output<T>(0) + b * n, [](double v) { return static_cast<T>(v); });
    turn(a.data(), n, n, c.output<T>(1) + b * m.size);
  }
}

const OpDef& eigh_op = define(
    HostFunction{.name = "eigh",
                 .several = true,
                 .results =
                     [](const InferCtx& c) {
                       check_square(c);
                       static_cast<void>(c.attrs.flag("upper"));
                       return std::vector{with_tail(c.in[0], {c.in[0].shape.back()}), c.in[0]};
                     },
                 .call = by_dtype([]<class T>(CallCtx& c) { run_eigh<T>(c); }),
                 .vjp = eigh_vjp});

// ---- pinv and least squares ----

/// G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
/// problems whose variables separate", SIAM J. Numer. Anal. 10 (1973). P = A^+.
Tensor pinv_gradient(const Tensor& a, const Tensor& p, const Tensor& g) {
  const Tensor pt = swapped(p), gt = swapped(g);
  if (a.size(-2) <= a.size(-1)) {
    const Tensor k = matmul(gt, p), kp = matmul(k, pt);
    return add(sub(sub(kp, swapped(matmul(p, k))), matmul(matmul(a, p), kp)),
               matmul(matmul(pt, p), sub(gt, matmul(k, a))));
  }
  const Tensor k = matmul(p, gt), pk = matmul(pt, k);
  return add(sub(matmul(matmul(sub(gt, matmul(a, k)), p), pt), swapped(matmul(k, p))),
             sub(pk, matmul(matmul(pk, p), a)));
}

const OpDef& pinv_op = define(HostFunction{
    .name = "pinv",
    .results =
        [](const InferCtx& c) {
          check_matrices(c);
          const Shape& s = c.in[0].shape;
          return std::vector{with_tail(c.in[0], {s.back(), s[s.rank() - 2]})};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]);
      const int k = m.least();
      const double one = 1, zero = 0;
      std::vector<double> out(static_cast<std::size_t>(m.size));
      for (std::int64_t b = 0; b < m.count; ++b) {
        Svd x = decompose(c.input<T>(0) + b * m.size, m, false);
        const double bound = std::max(c.attrs.real("atol"), c.attrs.real("rtol") * x.s[0]);
        for (int i = 0; i < k; ++i) {
          const double s = x.s[static_cast<std::size_t>(i)], by = s > bound ? 1 / s : 0;
          double* u = x.u.data() + std::int64_t{i} * m.rows;
          for (int r = 0; r < m.rows; ++r) u[r] *= by;
        }
        // (V S^-1 U^T)^T column by column is the result row by row.
        lapack::api<double>().gemm("N", "N", &m.rows, &m.cols, &k, &one, x.u.data(), &m.rows,
                                   x.vt.data(), &k, &zero, out.data(), &m.rows, 1, 1);
        std::ranges::transform(out, c.output<T>(0) + b * m.size,
                               [](double v) { return static_cast<T>(v); });
      }
    }),
    .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
      return {pinv_gradient(c.in[0], c.out, cts[0])};
    }});

template <class T>
void run_lstsq(CallCtx& c) {
  const Matrices m(c.in_avals[0]), r(c.in_avals[1]);
  const int k = m.least(), ld = std::max(m.rows, m.cols), columns = std::max(1, r.cols);
  const double given = c.attrs.real("rcond");
  const T rcond = static_cast<T>(
      given >= 0 ? given : ld * static_cast<double>(std::numeric_limits<T>::epsilon()));
  std::vector<int> iwork(1);
  for (std::int64_t b = 0; b < m.count; ++b) {
    std::vector<T> a = turned<T>(c.input<T>(0) + b * m.size, m.rows, m.cols);
    std::vector<T> x(static_cast<std::size_t>(ld) * static_cast<std::size_t>(columns));
    const std::vector<T> rhs = turned<T>(c.input<T>(1) + b * r.size, r.rows, r.cols);
    for (int j = 0; j < r.cols; ++j)
      std::copy_n(rhs.data() + j * r.rows, r.rows, x.data() + j * ld);
    check_finite(a.data(), m.size);
    check_finite(rhs.data(), r.size);
    int rank = 0, info = 0;
    with_work<T>([&](T* work, const int* size) {
      lapack::api<T>().gelsd(&m.rows, &m.cols, &columns, a.data(), &m.rows, x.data(), &ld,
                             c.output<T>(2) + b * k, &rcond, &rank, work, size, iwork.data(),
                             &info);
      iwork.resize(static_cast<std::size_t>(std::max(1, iwork[0])));
    });
    if (info != 0) throw CallError("the singular values did not converge");
    c.output<std::int64_t>(1)[b] = rank;
    for (int i = 0; i < m.cols; ++i)
      for (int j = 0; j < r.cols; ++j)
        c.output<T>(0)[(b * m.cols + i) * r.cols + j] = x[static_cast<std::size_t>(j * ld + i)];
  }
}

const OpDef& lstsq_op = define(HostFunction{
    .name = "lstsq",
    .arity = 2,
    .several = true,
    .results =
        [](const InferCtx& c) {
          check_rows(c);
          const Shape &a = c.in[0].shape, &b = c.in[1].shape;
          return std::vector{with_tail(c.in[0], {a.back(), b.back()}),
                             with_tail(c.in[0], {}, DType::I64),
                             with_tail(c.in[0], {std::min(a.back(), a[a.rank() - 2])})};
        },
    .call = by_dtype([]<class T>(CallCtx& c) { run_lstsq<T>(c); }),
    .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
      if (!cts[0].defined()) return {Tensor(), Tensor()};
      // As gelsd cuts off what is small.
      const double given = c.attrs.real("rcond"),
                   eps = c.in[0].dtype() == DType::F32 ? std::numeric_limits<float>::epsilon()
                                                       : std::numeric_limits<double>::epsilon();
      const auto longest = static_cast<double>(std::max(c.in[0].size(-2), c.in[0].size(-1)));
      const Tensor p = call_pinv(c.in[0], 0, given >= 0 ? given : longest * eps);
      return {c.wanted[0] ? pinv_gradient(c.in[0], p, matmul(cts[0], swapped(c.in[1]))) : Tensor(),
              matmul(swapped(p), cts[0])};
    }});

}  // namespace

std::vector<Tensor> call_svd(const Tensor& a, bool full) {
  return ir::apply_call(svd_op, {a}, {{"full", full}});
}
std::vector<Tensor> call_eigh(const Tensor& a, bool upper) {
  return ir::apply_call(eigh_op, {a}, {{"upper", upper}});
}
Tensor call_pinv(const Tensor& a, double atol, double rtol) {
  return apply(pinv_op, {a}, {{"atol", atol}, {"rtol", rtol}});
}
std::vector<Tensor> call_lstsq(const Tensor& a, const Tensor& b, double rcond) {
  return ir::apply_call(lstsq_op, {a, b}, {{"rcond", rcond}});
}

}  // namespace lilith::ops
