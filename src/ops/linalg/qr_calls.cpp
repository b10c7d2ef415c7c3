#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/shape.h"
#include "ops/define.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/matrices.h"
#include "ops/primitives.h"

// Cholesky's and QR decompositions.
namespace lilith::ops {
namespace {

using Cts = std::vector<Tensor>;

// ---- cholesky ----

// gA = L^-T (X + X^T - diag(X)) L^-1 / 2 with X = tril(L^T gL). I. Murray, "Differentiation of the
// Cholesky decomposition", arXiv:1602.07527.
Cts cholesky_vjp(const VjpCtx& c, const Cts& cts) {
  if (!cts[0].defined()) return {Tensor()};
  const Tensor l = ir::results_of(c.out)[0];
  const Tensor x = matmul(swapped(l), cts[0]);
  const Tensor inner = scale(add(tril(x), swapped(tril(x, -1))), 0.5);
  const Triangle t{.upper = false, .transposed = true, .unit = false};
  return {swapped(call_triangular(l, swapped(call_triangular(l, inner, t)), t))};
}

// Row-major, the lower triangle is LAPACK's upper one, and its U^T is L.
const OpDef& cholesky_op = define(HostFunction{
    .name = "cholesky",
    .several = true,
    .results =
        [](const InferCtx& c) {
          check_square(c);
          static_cast<void>(c.attrs.flag("check"));
          return std::vector{c.in[0], with_tail(c.in[0], {}, DType::I32)};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]);
      for (std::int64_t b = 0; b < m.count; ++b) {
        T* out = c.output<T>(0) + b * m.size;
        std::copy_n(c.input<T>(0) + b * m.size, m.size, out);
        int& info = c.output<int>(1)[b];
        lapack::api<T>().potrf("U", &m.rows, out, &m.rows, &info, 1);
        if (info > 0 && c.attrs.flag("check"))
          throw CallError(fmt::format(
              "{}the factorization could not be completed because the input is not "
              "positive-definite (the leading minor of order {} is not positive-definite)",
              which(m, b), info));
        for (int i = 0; i < m.rows; ++i)
          std::fill(out + i * m.rows + i + 1, out + (i + 1) * m.rows, T{0});
      }
    }),
    .vjp = cholesky_vjp});

// ---- X of L L^T X = B ----

// As PyTorch has it: of L as a whole, though one triangle is read.
Cts cholesky_solve_vjp(const VjpCtx& c, const Cts& cts) {
  const bool upper = c.attrs.flag("upper");
  const Tensor b = call_cholesky_solve(c.in[0], cts[0], upper);
  if (!c.wanted[0]) return {Tensor(), b};
  const Tensor x = matmul(b, swapped(c.out)), both = neg(add(x, swapped(x)));
  return {upper ? matmul(c.in[0], both) : matmul(both, c.in[0]), b};
}

// Row-major, L is LAPACK's U, and B its transpose: X^T L L^T = B^T.
const OpDef& cholesky_solve_op = define(HostFunction{
    .name = "cholesky_solve",
    .arity = 2,
    .results =
        [](const InferCtx& c) {
          check_system(c);
          static_cast<void>(c.attrs.flag("upper"));
          return std::vector{c.in[1]};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]), r(c.in_avals[1]);
      const bool upper = c.attrs.flag("upper");
      const T one = 1;
      for (std::int64_t b = 0; b < m.count && r.size > 0; ++b) {
        T* x = c.output<T>(0) + b * r.size;
        std::copy_n(c.input<T>(1) + b * r.size, r.size, x);
        // X^T A^T, A = L L^T (U^T U): first what stands to the right.
        for (const char* turned : {upper ? "T" : "N", upper ? "N" : "T"})
          lapack::api<T>().trsm("R", upper ? "L" : "U", turned, "N", &r.cols, &r.rows, &one,
                                c.input<T>(0) + b * m.size, &m.rows, x, &r.cols, 1, 1, 1, 1);
      }
    }),
    .vjp = cholesky_solve_vjp});

// ---- qr ----

// For as many rows as columns or more: gA = (gQ + Q sym'(R gR^T - gQ^T Q)) R^-T, sym' of the lower
// triangle. Roberts and Roberts, "QR and LQ decomposition matrix backpropagation algorithms",
// arXiv:2009.10071.
Tensor tall_gradient(const Tensor& q, const Tensor& r, const Tensor& gq, const Tensor& gr) {
  Tensor m = product(r, gr.defined() ? swapped(gr) : Tensor());
  if (gq.defined()) m = sum_of(m, neg(matmul(swapped(gq), q)));
  const Tensor low = tril(m);
  const Tensor sides = add(low, swapped(tril(m, -1)));
  const Tensor rhs = sum_of(gq, matmul(q, sides));
  return swapped(
      call_triangular(r, swapped(rhs), {.upper = true, .transposed = false, .unit = false}));
}

Cts qr_vjp(const VjpCtx& c, const Cts& cts) {
  const std::vector<Tensor> made = ir::results_of(c.out);
  Tensor q = made[0], r = made[1], gq = cts[0], gr = cts[1];
  const std::int64_t m = c.in[0].size(-2), n = c.in[0].size(-1);
  if (!gq.defined() && !gr.defined()) return {Tensor()};
  LILITH_CHECK(m <= n || q.size(-1) == n,
               "qr: mode complete of {} has no gradient: more rows than columns leave a part of Q "
               "free; need mode reduced",
               c.in[0].aval().str());
  if (m >= n) return {tall_gradient(q, r, gq, gr)};
  // A = [X Y], R = [U V]: Y = Q V.
  const int last = r.ndim() - 1;
  const Tensor u = slice_dim(r, last, 0, m);
  Tensor gu, gy;
  if (gr.defined()) {
    gu = slice_dim(gr, last, 0, m);
    const Tensor gv = slice_dim(gr, last, m, n), y = slice_dim(c.in[0], last, m, n);
    gy = matmul(q, gv);
    gq = sum_of(gq, matmul(y, swapped(gv)));
  } else {
    gy = full_as(slice_dim(c.in[0], last, m, n), 0);
  }
  return {cat({tall_gradient(q, u, gq, gu), gy}, -1)};
}

template <class T>
std::vector<T> householder(const T* x, const Matrices& m, T* tau) {
  std::vector<T> a = turned<T>(x, m.rows, m.cols);
  int info = 0;
  with_work<T>([&](T* work, const int* size) {
    lapack::api<T>().geqrf(&m.rows, &m.cols, a.data(), &m.rows, tau, work, size, &info);
  });
  return a;
}

template <class T>
void run_qr(CallCtx& c) {
  const Matrices m(c.in_avals[0]), q(c.out_avals[0]), r(c.out_avals[1]);
  const int k = m.least();
  std::vector<T> tau(static_cast<std::size_t>(k));
  for (std::int64_t b = 0; b < m.count; ++b) {
    std::vector<T> a = householder(c.input<T>(0) + b * m.size, m, tau.data());
    for (int i = 0; i < r.rows; ++i)
      for (int j = 0; j < r.cols; ++j)
        c.output<T>(1)[b * r.size + i * r.cols + j] =
            j < i ? T{0}
                  : a[static_cast<std::size_t>(j) * static_cast<std::size_t>(m.rows) +
                      static_cast<std::size_t>(i)];
    a.resize(static_cast<std::size_t>(q.size));
    int info = 0;
    with_work<T>([&](T* work, const int* size) {
      lapack::api<T>().orgqr(&q.rows, &q.cols, &k, a.data(), &q.rows, tau.data(), work, size,
                             &info);
    });
    turn(a.data(), q.cols, q.rows, c.output<T>(0) + b * q.size);
  }
}

const OpDef& qr_op = define(
    HostFunction{.name = "qr",
                 .several = true,
                 .results =
                     [](const InferCtx& c) {
                       check_matrices(c);
                       const Shape& s = c.in[0].shape;
                       const std::int64_t m = s[s.rank() - 2], n = s.back();
                       const std::int64_t k = c.attrs.flag("complete") ? m : std::min(m, n);
                       return std::vector{with_tail(c.in[0], {m, k}), with_tail(c.in[0], {k, n})};
                     },
                 .call = by_dtype([]<class T>(CallCtx& c) { run_qr<T>(c); }),
                 .vjp = qr_vjp});

const OpDef& geqrf_op = define(HostFunction{
    .name = "geqrf",
    .several = true,
    .results =
        [](const InferCtx& c) {
          check_matrices(c);
          const Shape& s = c.in[0].shape;
          return std::vector{c.in[0], with_tail(c.in[0], {std::min(s.back(), s[s.rank() - 2])})};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]);
      for (std::int64_t b = 0; b < m.count; ++b) {
        const std::vector<T> a =
            householder(c.input<T>(0) + b * m.size, m, c.output<T>(1) + b * m.least());
        turn(a.data(), m.cols, m.rows, c.output<T>(0) + b * m.size);
      }
    }),
    .no_vjp_reason = "the vectors of Householder's reflections have none in PyTorch either; qr has "
                     "a gradient"});

}  // namespace

std::vector<Tensor> call_cholesky(const Tensor& a, bool check) {
  return ir::apply_call(cholesky_op, {a}, {{"check", check}});
}
Tensor call_cholesky_solve(const Tensor& factor, const Tensor& b, bool upper) {
  return apply(cholesky_solve_op, {factor, b}, {{"upper", upper}});
}
std::vector<Tensor> call_qr(const Tensor& a, bool complete) {
  return ir::apply_call(qr_op, {a}, {{"complete", complete}});
}
std::vector<Tensor> call_geqrf(const Tensor& a) { return ir::apply_call(geqrf_op, {a}); }

}  // namespace lilith::ops
