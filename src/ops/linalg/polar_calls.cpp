#include <algorithm>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/shape.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/svd.h"
#include "ops/primitives.h"

// A = U H by singular values: A = W S V^T, U = W V^T, H = V S V^T.
namespace lilith::ops {
namespace {

using Cts = std::vector<Tensor>;

template <class T>
void run_polar(CallCtx& c) {
  const Matrices m(c.in_avals[0]);
  const int k = m.cols;
  const double one = 1, zero = 0;
  std::vector<double> u(static_cast<std::size_t>(m.size)),
      h(static_cast<std::size_t>(k) * static_cast<std::size_t>(k));
  for (std::int64_t b = 0; b < m.count; ++b) {
    const Svd x = decompose(c.input<T>(0) + b * m.size, m, false);
    // Column-major: vt [k, k] holds V^T.
    std::vector<double> scaled = x.vt;
    for (int j = 0; j < k; ++j)
      for (int i = 0; i < k; ++i)
        scaled[static_cast<std::size_t>(j * k + i)] *= x.s[static_cast<std::size_t>(i)];
    const auto& gemm = lapack::api<double>().gemm;
    gemm("N", "N", &m.rows, &k, &k, &one, x.u.data(), &m.rows, x.vt.data(), &k, &zero, u.data(),
         &m.rows, 1, 1);
    gemm("T", "N", &k, &k, &k, &one, x.vt.data(), &k, scaled.data(), &k, &zero, h.data(), &k, 1, 1);
    turn(u.data(), k, m.rows, c.output<T>(0) + b * m.size);
    turn(h.data(), k, k, c.output<T>(1) + b * k * k);
  }
}

// With dA^T A + A^T dA = dH H + H dH and dU = (dA - U dH) H^-1:
// gA = gU H^-1 + 2 A X, where X solves X H + H X = the symmetric part of gH - U^T gU H^-1.
Cts polar_vjp(const VjpCtx& c, const Cts& cts) {
  const std::vector<Tensor> made = ir::results_of(c.out);
  const Tensor &u = made[0], &h = made[1];
  const std::vector<Tensor> eigen = call_eigh(h, false);
  const Tensor &w = eigen[0], &v = eigen[1], across = row(w);
  Tensor of_h = cts[1], out;
  if (cts[0].defined()) {
    out = matmul(div(matmul(cts[0], v), across), swapped(v));
    of_h = sum_of(of_h, neg(matmul(swapped(u), out)));
  }
  if (!of_h.defined()) return {Tensor()};
  const Tensor even = scale(add(of_h, swapped(of_h)), 0.5);
  const Tensor inner = div(matmul(swapped(v), matmul(even, v)), add(across, column(w)));
  const Tensor x = matmul(v, matmul(inner, swapped(v)));
  return {sum_of(out, scale(matmul(c.in[0], x), 2))};
}

const OpDef& polar_op = define(HostFunction{
    .name = "polar",
    .several = true,
    .results =
        [](const InferCtx& c) {
          check_matrices(c);
          const std::int64_t n = c.in[0].shape.back();
          LILITH_CHECK(c.in[0].shape[c.in[0].shape.rank() - 2] >= n,
                       "{}: got {}; need no more columns than rows", c.op, c.in[0].str());
          return std::vector{c.in[0], with_tail(c.in[0], {n, n})};
        },
    .call = by_dtype([]<class T>(CallCtx& c) { run_polar<T>(c); }),
    .vjp = polar_vjp});

}  // namespace

std::vector<Tensor> call_polar(const Tensor& a) { return ir::apply_call(polar_op, {a}); }

}  // namespace lilith::ops
