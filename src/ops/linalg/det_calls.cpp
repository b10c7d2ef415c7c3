#include <algorithm>
#include <cmath>
#include <limits>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/define.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/matrices.h"
#include "ops/primitives.h"

// Determinants and LU decompositions.
namespace lilith::ops {
namespace {

using Cts = std::vector<Tensor>;

// The LU of a square matrix in place; whether rows were swapped an odd number of times. The
// transpose has the same determinant.
template <class T>
bool factor(T* a, const int n, std::vector<int>& pivots) {
  int info = 0;
  pivots.resize(static_cast<std::size_t>(n));
  lapack::api<T>().getrf(&n, &n, a, &n, pivots.data(), &info);
  bool odd = false;
  for (int i = 0; i < n; ++i) odd ^= pivots[static_cast<std::size_t>(i)] != i + 1;
  return odd;
}

template <class T>
T determinant(const T* x, const int n) {
  std::vector<int> pivots;
  std::vector<T> a = copied(x, std::int64_t{n} * n);
  T out = factor(a.data(), n, pivots) ? -1 : 1;
  for (int i = 0; i < n; ++i)
    out *= a[static_cast<std::size_t>(i) * static_cast<std::size_t>(n + 1)];
  return out;
}

Tensor over_matrices(const Tensor& x) { return unsqueeze(unsqueeze(x, -1), -1); }

// ---- det and the matrix of its cofactors ----

std::vector<Aval> one_a_matrix(const InferCtx& c) {
  check_square(c);
  return {with_tail(c.in[0], {})};
}

const OpDef& det_op = define(
    HostFunction{.name = "det",
                 .results = one_a_matrix,
                 .call = by_dtype([]<class T>(CallCtx& c) {
                   const Matrices m(c.in_avals[0]);
                   for (std::int64_t b = 0; b < m.count; ++b)
                     c.output<T>(0)[b] = determinant(c.input<T>(0) + b * m.size, m.rows);
                 }),
                 .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
                   return {mul(over_matrices(cts[0]), apply(*find_op("cofactors"), {c.in[0]}))};
                 }});

// det(A) A^-T, by A = U diag(s) V^T: det(U) det(V) U diag(the product of the other s) V^T, which is
// there for singular matrices too.
template <class T>
void cofactors(const T* x, const int n, T* out) {
  const auto size = static_cast<std::size_t>(n);
  if (!all_finite(x, std::int64_t{n} * n)) {
    std::fill(out, out + std::int64_t{n} * n, std::numeric_limits<T>::quiet_NaN());
    return;
  }
  std::vector<T> a = turned<T>(x, n, n), s(size), u(size * size), vt(size * size);
  std::vector<int> iwork(8 * size);
  int info = 0;
  with_work<T>([&](T* work, const int* lwork) {
    lapack::api<T>().gesdd("A", &n, &n, a.data(), &n, s.data(), u.data(), &n, vt.data(), &n, work,
                           lwork, iwork.data(), &info, 1);
  });
  if (info != 0) throw CallError("the singular values did not converge");
  const T sign = determinant(u.data(), n) * determinant(vt.data(), n) < 0 ? -1 : 1;
  for (int k = 0; k < n; ++k) {
    T others = sign;
    for (int j = 0; j < n; ++j) others *= j == k ? 1 : s[static_cast<std::size_t>(j)];
    for (int i = 0; i < n; ++i) u[static_cast<std::size_t>(k * n + i)] *= others;
  }
  const T one = 1, zero = 0;
  // The transposed product, which is the product row by row.
  lapack::api<T>().gemm("T", "T", &n, &n, &n, &one, vt.data(), &n, u.data(), &n, &zero, out, &n, 1,
                        1);
}

const OpDef& cofactors_op = define(
    HostFunction{.name = "cofactors",
                 .results =
                     [](const InferCtx& c) {
                       check_square(c);
                       return std::vector{c.in[0]};
                     },
                 .call = by_dtype([]<class T>(CallCtx& c) {
                   const Matrices m(c.in_avals[0]);
                   for (std::int64_t b = 0; b < m.count; ++b)
                     cofactors(c.input<T>(0) + b * m.size, m.rows, c.output<T>(0) + b * m.size);
                 }),
                 // C = d X^T with X = A^-1: d (<G, X^T> X^T - X^T G^T X^T).
                 .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
                   const Tensor xt = swapped(call_inverse(c.in[0], true)[0]),
                                d = over_matrices(call_det(c.in[0]));
                   const Tensor inner = sum(mul(cts[0], xt), {-2, -1}, true);
                   return {mul(d, sub(mul(inner, xt), matmul(matmul(xt, swapped(cts[0])), xt)))};
                 }});

const OpDef& slogdet_op = define(
    HostFunction{.name = "slogdet",
                 .several = true,
                 .results =
                     [](const InferCtx& c) {
                       check_square(c);
                       const Aval each = with_tail(c.in[0], {});
                       return std::vector{each, each};
                     },
                 .call = by_dtype([]<class T>(CallCtx& c) {
                   const Matrices m(c.in_avals[0]);
                   std::vector<int> pivots;
                   for (std::int64_t b = 0; b < m.count; ++b) {
                     std::vector<T> a = copied(c.input<T>(0) + b * m.size, m.size);
                     T sign = factor(a.data(), m.rows, pivots) ? -1 : 1, log_of = 0;
                     for (int i = 0; i < m.rows; ++i) {
                       const T d = a[static_cast<std::size_t>(i * (m.rows + 1))];
                       sign *= static_cast<T>((d > 0) - (d < 0));
                       log_of += std::log(std::fabs(d));
                     }
                     c.output<T>(0)[b] = sign;
                     c.output<T>(1)[b] = log_of;
                   }
                 }),
                 .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
                   if (!cts[1].defined()) return {ops::full_as(c.in[0], 0)};
                   return {mul(over_matrices(cts[1]), swapped(call_inverse(c.in[0], true)[0]))};
                 }});

// ---- LU ----

Tensor left_columns(const Tensor& x, std::int64_t n) { return slice_dim(x, x.ndim() - 1, 0, n); }
Tensor right_columns(const Tensor& x, std::int64_t n) {
  return slice_dim(x, x.ndim() - 1, n, x.size(-1));
}
Tensor upper_rows(const Tensor& x, std::int64_t n) { return slice_dim(x, x.ndim() - 2, 0, n); }
Tensor lower_rows(const Tensor& x, std::int64_t n) {
  return slice_dim(x, x.ndim() - 2, n, x.size(-2));
}

/// With B = P^T A = L U and k = min(M, N). Square:
///   gB = L^-T (tril(L^T gL, -1) + triu(gU U^T)) U^-T
/// where rows of L or columns of U stick out, they are B2 U^-1 and L^-1 B2, and pass their part on.
Cts lu_vjp(const VjpCtx& c, const Cts& cts) {
  if (!cts[0].defined()) return {Tensor()};
  const std::vector<Tensor> made = ir::results_of(c.out);
  const Tensor &lu = made[0], g = cts[0];
  const std::int64_t m = lu.size(-2), n = lu.size(-1), k = std::min(m, n);
  const Tensor square = left_columns(upper_rows(lu, k), k), g1 = left_columns(upper_rows(g, k), k);
  const Tensor l = tril(square, -1), u = triu(square);
  // L^T gL where L has ones on its diagonal: those rows of gL alone matter that lie below it.
  const Tensor gl = tril(g1, -1), gu = triu(g1);
  Tensor low = add(gl, matmul(swapped(l), gl)), up = matmul(gu, swapped(u));
  Tensor gu2, gl2;
  const Triangle lt{.upper = false, .transposed = true, .unit = true},
      un{.upper = true, .transposed = false, .unit = false};
  if (n > k) {
    gu2 = right_columns(g, k);
    low = sub(low, matmul(gu2, swapped(right_columns(lu, k))));
  }
  if (m > k) {
    gl2 = lower_rows(g, k);
    up = sub(up, matmul(swapped(lower_rows(lu, k)), gl2));
  }
  // X U^-T = (U^-1 X^T)^T.
  const auto over_u = [&](const Tensor& x) {
    return swapped(call_triangular(square, swapped(x), un));
  };
  Tensor gb = over_u(call_triangular(square, add(tril(low, -1), triu(up)), lt));
  if (n > k) gb = cat({gb, call_triangular(square, gu2, lt)}, -1);
  if (m > k) gb = cat({gb, over_u(gl2)}, -2);
  return {matmul(call_permutation(made[1], m, lu.dtype()), gb)};
}

const OpDef& lu_op = define(HostFunction{
    .name = "lu_factor",
    .several = true,
    .results =
        [](const InferCtx& c) {
          check_matrices(c);
          const Shape& s = c.in[0].shape;
          return std::vector{c.in[0],
                             with_tail(c.in[0], {std::min(s.back(), s[s.rank() - 2])}, DType::I32)};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]);
      for (std::int64_t b = 0; b < m.count; ++b) {
        std::vector<T> a = turned<T>(c.input<T>(0) + b * m.size, m.rows, m.cols);
        int info = 0;
        lapack::api<T>().getrf(&m.rows, &m.cols, a.data(), &m.rows,
                               c.output<int>(1) + b * m.least(), &info);
        turn(a.data(), m.cols, m.rows, c.output<T>(0) + b * m.size);
      }
    }),
    .vjp = lu_vjp});

template <class T>
void write_permutation(const int* pivots, const int k, const int rows, T* out) {
  std::vector<int> order(static_cast<std::size_t>(rows));
  for (int i = 0; i < rows; ++i) order[static_cast<std::size_t>(i)] = i;
  for (int i = 0; i < k; ++i) {
    if (pivots[i] < 1 || pivots[i] > rows)
      throw CallError(fmt::format("pivot {} is {}; need a row from 1 to {}", i, pivots[i], rows));
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(pivots[i] - 1)]);
  }
  std::fill_n(out, std::int64_t{rows} * rows, T{0});
  for (int i = 0; i < rows; ++i)
    out[std::int64_t{order[static_cast<std::size_t>(i)]} * rows + i] = T{1};
}

const OpDef& permutation_op = define(
    HostFunction{.name = "lu_permutation",
                 .results =
                     [](const InferCtx& c) {
                       LILITH_CHECK(c.in[0].dtype == DType::I32 && c.in[0].shape.rank() >= 1,
                                    "{}: got pivots {}; need i32 [..., K]", c.op, c.in[0].str());
                       Aval out = c.in[0];
                       out.dtype = c.attrs.dtype("dtype");
                       out.shape.erase(out.shape.rank() - 1);
                       for (int k = 0; k < 2; ++k) out.shape.push_back(c.attrs.integer("rows"));
                       return std::vector{out};
                     },
                 .call =
                     [](CallCtx& c) {
                       const Matrices m(c.out_avals[0]);
                       const auto k = static_cast<int>(c.in_avals[0].shape.back());
                       for (std::int64_t b = 0; b < m.count; ++b) {
                         if (c.out_avals[0].dtype == DType::F64)
                           write_permutation(c.input<int>(0) + b * k, k, m.rows,
                                             c.output<double>(0) + b * m.size);
                         else
                           write_permutation(c.input<int>(0) + b * k, k, m.rows,
                                             c.output<float>(0) + b * m.size);
                       }
                     },
                 .no_vjp_reason = "pivots are integers"});

}  // namespace

Tensor call_det(const Tensor& a) { return apply(det_op, {a}); }
std::vector<Tensor> call_slogdet(const Tensor& a) { return ir::apply_call(slogdet_op, {a}); }
std::vector<Tensor> call_lu(const Tensor& a) { return ir::apply_call(lu_op, {a}); }
Tensor call_permutation(const Tensor& pivots, std::int64_t rows, DType dtype) {
  return stop_gradient(apply(permutation_op, {pivots}, {{"dtype", dtype}, {"rows", rows}}));
}

}  // namespace lilith::ops
