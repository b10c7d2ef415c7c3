#include "ops/define.h"
#include "ops/linalg/calls.h"
#include "ops/linalg/matrices.h"
#include "ops/primitives.h"

// Symmetric matrices as L D L^T, by Bunch's and Kaufman's pivots. A symmetric matrix is its
// transpose, so its lower triangle is LAPACK's upper one: it is turned, as the factors are.
namespace lilith::ops {
namespace {

const OpDef& ldl_factor_op = define(HostFunction{
    .name = "ldl_factor",
    .several = true,
    .results =
        [](const InferCtx& c) {
          check_square(c);
          static_cast<void>(c.attrs.flag("check"));
          return std::vector{c.in[0], with_tail(c.in[0], {c.in[0].shape.back()}, DType::I32),
                             with_tail(c.in[0], {}, DType::I32)};
        },
    .call = by_dtype([]<class T>(CallCtx& c) {
      const Matrices m(c.in_avals[0]);
      const int n = m.rows;
      for (std::int64_t b = 0; b < m.count; ++b) {
        std::vector<T> a = turned<T>(c.input<T>(0) + b * m.size, n, n);
        int& info = c.output<int>(2)[b];
        with_work<T>([&](T* work, const int* size) {
          lapack::api<T>().sytrf("L", &n, a.data(), &n, c.output<int>(1) + b * n, work, size, &info,
                                 1);
        });
        if (info > 0 && c.attrs.flag("check"))
          throw CallError(
              fmt::format("{}the diagonal block {} of D is zero: the input matrix is singular",
                          which(m, b), info));
        for (int col = 1; col < n; ++col)
          for (int row = 0; row < col; ++row) a[static_cast<std::size_t>(col * n + row)] = 0;
        turn(a.data(), n, n, c.output<T>(0) + b * m.size);
      }
    }),
    .no_vjp_reason = "PyTorch has none either"});

// The pivots of one matrix for LAPACK, which trusts them: row k changes places with row |pivots[k]|
// (from 1), and a block of two has the same negative number twice.
std::vector<int> checked_pivots(const std::int64_t* pivots, int n, const std::string& which) {
  for (int k = 0; k < n; ++k) {
    const std::int64_t p = pivots[k];
    if (p == 0 || p < -n || p > n)
      throw CallError(fmt::format(
          "{}pivot {} is {}; need a row from 1 to {}, or its negative in a block of two", which, k,
          p, n));
    if (p > 0) continue;
    if (k + 1 == n || pivots[k + 1] != p)
      throw CallError(fmt::format(
          "{}pivot {} is {}, and {}; need negative ones in pairs of equal numbers", which, k, p,
          k + 1 == n ? std::string("the last") : fmt::format("the next {}", pivots[k + 1])));
    ++k;
  }
  return {pivots, pivots + n};
}

// Pivots are i64: numbers of whatever dtype are checked before they are LAPACK's i32.
const OpDef& ldl_solve_op =
    define(HostFunction{.name = "ldl_solve",
                        .arity = 3,
                        .results =
                            [](const InferCtx& c) {
                              check_square(c);
                              return std::vector{c.in[2]};
                            },
                        .call = by_dtype([]<class T>(CallCtx& c) {
                          const Matrices m(c.in_avals[0]), r(c.in_avals[2]);
                          const int n = m.rows;
                          for (std::int64_t b = 0; b < m.count; ++b) {
                            const std::vector<int> swaps =
                                checked_pivots(c.input<std::int64_t>(1) + b * n, n, which(m, b));
                            const std::vector<T> a = turned<T>(c.input<T>(0) + b * m.size, n, n);
                            std::vector<T> x =
                                turned<T>(c.input<T>(2) + b * r.size, r.rows, r.cols);
                            int info = 0;
                            lapack::api<T>().sytrs("L", &n, &r.cols, a.data(), &n, swaps.data(),
                                                   x.data(), &n, &info, 1);
                            turn(x.data(), r.cols, r.rows, c.output<T>(0) + b * r.size);
                          }
                        }),
                        .no_vjp_reason = "PyTorch has none either"});

}  // namespace

std::vector<Tensor> call_ldl_factor(const Tensor& a, bool check) {
  return ir::apply_call(ldl_factor_op, {a}, {{"check", check}});
}
Tensor call_ldl_solve(const Tensor& ld, const Tensor& pivots, const Tensor& b) {
  return apply(ldl_solve_op, {ld, pivots, b});
}

}  // namespace lilith::ops
