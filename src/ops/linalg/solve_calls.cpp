#include <cmath>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/shape.h"
#include "ops/define.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/matrices.h"
#include "ops/primitives.h"

// Systems of equations: inverse, solve, and for triangles. Row-major, a matrix is its transpose to
// LAPACK; where that does, nothing is turned.
namespace lilith::ops {
namespace {

using Cts = std::vector<Tensor>;

[[noreturn]] void fail_singular(const char* what, const Matrices& m, std::int64_t b, int info) {
  throw CallError(
      fmt::format("{}the diagonal element {} is zero, the {} could not be completed "
                  "because the input matrix is singular",
                  which(m, b), info, what));
}

// ---- inverse ----

const OpDef& inverse_op = define(HostFunction{
    .name = "inverse",
    .several = true,
    .results =
        [](const InferCtx& c) {
          check_square(c);
          static_cast<void>(c.attrs.flag("check"));
          return std::vector{c.in[0], with_tail(c.in[0], {}, DType::I32)};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]);
      std::vector<int> pivots(static_cast<std::size_t>(m.rows));
      for (std::int64_t b = 0; b < m.count; ++b) {
        T* out = c.output<T>(0) + b * m.size;
        std::copy_n(c.input<T>(0) + b * m.size, m.size, out);
        int& info = c.output<int>(1)[b];
        lapack::api<T>().getrf(&m.rows, &m.rows, out, &m.rows, pivots.data(), &info);
        if (info > 0 && c.attrs.flag("check")) fail_singular("inversion", m, b, info);
        if (info > 0) continue;
        with_work<T>([&](T* work, const int* size) {
          lapack::api<T>().getri(&m.rows, out, &m.rows, pivots.data(), work, size, &info);
        });
      }
    }),
    .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
      if (!cts[0].defined()) return {Tensor()};
      const Tensor back = swapped(ir::results_of(c.out)[0]);
      return {neg(matmul(matmul(back, cts[0]), back))};
    }});

// ---- solve ----

const OpDef& solve_op = define(HostFunction{
    .name = "solve",
    .arity = 2,
    .results =
        [](const InferCtx& c) {
          check_system(c);
          return std::vector{c.in[1]};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]), r(c.in_avals[1]);
      std::vector<int> pivots(static_cast<std::size_t>(m.rows));
      int info = 0;
      for (std::int64_t b = 0; b < m.count; ++b) {
        std::vector<T> a = copied(c.input<T>(0) + b * m.size, m.size);
        lapack::api<T>().getrf(&m.rows, &m.rows, a.data(), &m.rows, pivots.data(), &info);
        if (info > 0)
          throw CallError(
              fmt::format("{}the solver failed because the input matrix is singular", which(m, b)));
        std::vector<T> x = turned<T>(c.input<T>(1) + b * r.size, r.rows, r.cols);
        lapack::api<T>().getrs("T", &m.rows, &r.cols, a.data(), &m.rows, pivots.data(), x.data(),
                               &r.rows, &info, 1);
        turn(x.data(), r.cols, r.rows, c.output<T>(0) + b * r.size);
      }
    }),
    .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
      const Tensor b = call_solve(swapped(c.in[0]), cts[0]);
      return {c.wanted[0] ? neg(matmul(b, swapped(c.out))) : Tensor(), b};
    }});

// ---- triangles ----

Triangle triangle_of(const Attrs& a) {
  return {a.flag("upper"), a.flag("transposed"), a.flag("unit")};
}

Cts triangular_vjp(const VjpCtx& c, const Cts& cts) {
  Triangle t = triangle_of(c.attrs);
  t.transposed = !t.transposed;
  const Tensor b = call_triangular(c.in[0], cts[0], t);
  if (!c.wanted[0]) return {Tensor(), b};
  const Tensor a = t.transposed ? neg(matmul(b, swapped(c.out))) : neg(matmul(c.out, swapped(b)));
  return {t.upper ? triu(a, t.unit ? 1 : 0) : tril(a, t.unit ? -1 : 0), b};
}

// A X = B is X^T A^T = B^T, and so it lies in memory.
const OpDef& triangular_op = define(HostFunction{
    .name = "solve_triangular",
    .arity = 2,
    .results =
        [](const InferCtx& c) {
          check_system(c);
          static_cast<void>(triangle_of(c.attrs));
          return std::vector{c.in[1]};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]), r(c.in_avals[1]);
      const Triangle t = triangle_of(c.attrs);
      const T one = 1;
      for (std::int64_t b = 0; b < m.count && r.size > 0; ++b) {
        T* x = c.output<T>(0) + b * r.size;
        std::copy_n(c.input<T>(1) + b * r.size, r.size, x);
        lapack::api<T>().trsm("R", t.upper ? "L" : "U", t.transposed ? "T" : "N",
                              t.unit ? "U" : "N", &r.cols, &r.rows, &one,
                              c.input<T>(0) + b * m.size, &m.rows, x, &r.cols, 1, 1, 1, 1);
      }
    }),
    .vjp = triangular_vjp});

}  // namespace

std::vector<Tensor> call_inverse(const Tensor& a, bool check) {
  return ir::apply_call(inverse_op, {a}, {{"check", check}});
}
Tensor call_solve(const Tensor& a, const Tensor& b) { return apply(solve_op, {a, b}); }
Tensor call_triangular(const Tensor& a, const Tensor& b, Triangle t) {
  return apply(triangular_op, {a, b},
               {{"transposed", t.transposed}, {"unit", t.unit}, {"upper", t.upper}});
}

Tensor swapped(const Tensor& x) { return transpose(x, -2, -1); }
Tensor product(const Tensor& a, const Tensor& b) {
  return a.defined() && b.defined() ? matmul(a, b) : Tensor();
}
Tensor sum_of(const Tensor& a, const Tensor& b) {
  return !a.defined() ? b : !b.defined() ? a : add(a, b);
}
Tensor row(const Tensor& x) { return unsqueeze(x, -2); }
Tensor column(const Tensor& x) { return unsqueeze(x, -1); }
Tensor identity_like(const Tensor& x) {
  return eye(x.size(-1), {}, {.dtype = x.dtype(), .device = x.device()});
}

}  // namespace lilith::ops
