#pragma once
#include "support/loop_kernels.h"

// Kernels that keep a tile of a result in registers.
namespace lilith::codegen::testing::kernels {

/// C[m, n] += A[m, k] B[k, n] with a register tile; tails in every dimension's own way.
inline Kernel matmul(int rows, int cols, int depth, int m, DType dtype, DType acc = DType::F32) {
  Builder b("matmul");
  const BufferId a = b.in(dtype, std::int64_t{m} * rows * depth),
                 w = b.in(dtype, std::int64_t{depth} * cols);
  const BufferId c = b.out(dtype, std::int64_t{m} * rows * cols), bias = b.in(dtype, cols);
  const Expr t = b.p.var(m, "t"), r = b.p.var(rows, "r"), n = b.p.var(cols, "n"),
             k = b.p.var(depth, "k");
  const RegId tile = b.k.add_reg("tile", acc, {rows, cols});
  auto cast = [&](Expr x) { return b.p.cast(x, acc); };
  const Expr row = t * b.n(rows) + r;
  const Expr out = b.p.read(tile, acc, {r, n}) + cast(b.load(bias, n));
  b.k.body = {
      make_for(t, LoopKind::Parallel,
               {DeclReg{tile, b.p.constant(acc, 0)},
                make_for(k, LoopKind::Serial,
                         {make_for(r, LoopKind::Unroll,
                                   {make_for(n, LoopKind::Vector,
                                             {Accumulate{tile,
                                                         {r, n},
                                                         Combine::Add,
                                                         cast(b.load(w, k * b.n(cols) + n)),
                                                         cast(b.load(a, row * b.n(depth) + k)),
                                                         {}}})})}),
                make_for(r, LoopKind::Unroll,
                         {make_for(n, LoopKind::Vector,
                                   {Store{c,
                                          row * b.n(cols) + n,
                                          b.p.cast(max(out, out.like(0)),
                                                   dtype == DType::F64 ? dtype : DType::F32),
                                          {}}})})})};
  return std::move(b.k);
}

inline std::vector<KernelCase> matmul_tiles() {
  std::vector<KernelCase> cases;
  for (auto [rows, cols] :
       {std::pair<int, int>{6, 64}, {14, 32}, {3, 50}, {2, 10}, {4, 24}, {5, 1}, {1, 7}}) {
    cases.push_back({matmul(rows, cols, 19, 3, DType::F32), 100});
    cases.push_back({matmul(rows, cols, 5, 2, DType::BF16), 100});
    cases.push_back({matmul(rows, cols, 5, 2, DType::F64, DType::F64), 100});
    cases.push_back({matmul(rows, cols, 5, 2, DType::F32, DType::F64), 100});
  }
  return cases;
}

inline std::vector<KernelCase> tails_of_every_length() {
  std::vector<KernelCase> cases;
  for (int n = 1; n <= 40; ++n) {
    cases.push_back({matmul(2, n, 3, 2, DType::F32), 100});
    // A register a lane, and lanes that take different ways.
    Builder b("tail");
    const BufferId x = b.in(DType::F32, n), y = b.in(DType::F64, n), out = b.out(DType::F32, n),
                   small = b.out(DType::I8, n);
    const Expr i = b.p.var(n, "i");
    const RegId r = b.k.add_reg("r", DType::F32);
    const Expr held = b.p.read(r, DType::F32);
    Block then{SetReg{r, {}, held * 2.0}};
    b.k.body = {
        make_for(i, LoopKind::Vector,
                 {DeclReg{r, b.load(x, i) + b.p.cast(b.load(y, i), DType::F32)},
                  If{lt(held, held.like(0)), std::make_shared<Block>(std::move(then)), nullptr},
                  Store{out, i, held, {}}, Store{small, i, b.p.cast(held, DType::I8), {}}})};
    cases.push_back({std::move(b.k), 100});
  }
  return cases;
}

inline std::vector<KernelCase> tiles_that_no_register_file_holds() {
  std::vector<KernelCase> cases;
  cases.push_back({matmul(40, 128, 3, 1, DType::F32), 100});
  cases.push_back({matmul(64, 70, 2, 1, DType::F64, DType::F64), 100});
  return cases;
}

inline std::vector<KernelCase> long_epilogues_of_a_tile() {
  std::vector<KernelCase> cases;
  // An update with momentum behind the contraction, its result stored both ways round.
  for (auto [rows, cols] : {std::pair<int, int>{6, 64}, {13, 20}, {3, 50}, {9, 8}, {8, 5}}) {
    Builder b("epilogue");
    const int depth = 7;
    const BufferId a = b.in(DType::F32, rows * depth), w = b.in(DType::F32, depth * cols);
    const BufferId p = b.out(DType::F32, rows * cols), m = b.out(DType::F32, rows * cols);
    const BufferId v = b.out(DType::F32, rows * cols), t = b.out(DType::F16, rows * cols);
    const BufferId top = b.out(DType::F32, 1);
    const Expr r = b.p.var(rows, "r"), c = b.p.var(cols, "c"), k = b.p.var(depth, "k");
    const RegId tile = b.k.add_reg("tile", DType::F32, {rows, cols});
    const RegId high = b.k.add_reg("high", DType::F32), g = b.k.add_reg("g", DType::F32);
    const Expr at = r * b.n(cols) + c;
    const Expr gradient = b.p.read(g, DType::F32);
    const Expr m1 = b.load(m, at) * 0.9 + gradient * 0.1;
    const Expr v1 = abs(b, b.load(v, at)) * 0.99 + gradient * gradient * 0.01;
    const Expr step = m1 / (b.p.make(Op::Sqrt, DType::F32, {v1}) + 1e-3) * 0.01;
    auto each = [&](Block body) {
      return make_for(r, LoopKind::Unroll, {make_for(c, LoopKind::Vector, std::move(body))});
    };
    b.k.body = {
        DeclReg{tile, b.f(0)}, DeclReg{high, b.f(-9)},
        make_for(k, LoopKind::Serial,
                 {each({Accumulate{tile,
                                   {r, c},
                                   Combine::Add,
                                   b.load(w, k * b.n(cols) + c),
                                   b.load(a, r * b.n(depth) + k),
                                   {}}})}),
        each({DeclReg{g, b.p.read(tile, DType::F32, {r, c}) * 0.5}, Store{m, at, m1, {}},
              Store{v, at, v1, {}}, Store{p, at, b.load(p, at) - step, lt(c, b.n(cols - 2))},
              Store{t, c * b.n(rows) + r, gradient, {}},
              Accumulate{high, {}, Combine::Max, gradient, {}, {}}}),
        Store{top, b.n(0), b.p.read(high, DType::F32), {}}};
    cases.push_back({std::move(b.k), 100});
  }
  return cases;
}

inline std::vector<KernelCase> dot_product_tile() {
  std::vector<KernelCase> cases;
  // acc[r] += x[r, n] * y[n]: rows outside of the lanes, combined after the loop.
  Builder b("dots");
  const int n = 77;
  const BufferId x = b.in(DType::F32, 4 * n), y = b.in(DType::F32, n), z = b.out(DType::F32, 8);
  const Expr r = b.p.var(4, "r"), j = b.p.var(n, "j"), s = b.p.var(4, "s");
  const RegId acc = b.k.add_reg("acc", DType::F32, {4}), dyn = b.k.add_reg("dyn", DType::F32, {4});
  const Expr v = b.load(x, r * b.n(n) + j);
  b.k.body = {
      DeclReg{acc, b.f(0)}, DeclReg{dyn, b.f(0.5)},
      make_for(
          j, LoopKind::Vector,
          {make_for(r, LoopKind::Unroll, {Accumulate{acc, {r}, Combine::Add, v, b.load(y, j), {}}}),
           make_for(s, LoopKind::Serial,
                    {Accumulate{dyn, {s}, Combine::Min, b.load(x, s * b.n(n) + j), {}, {}}})}),
      make_for(s, LoopKind::Serial, {Store{z, s, b.p.read(dyn, DType::F32, {s}), {}}}),
      make_for(r, LoopKind::Unroll, {Store{z, r + b.n(4), b.p.read(acc, DType::F32, {r}), {}}})};
  cases.push_back({std::move(b.k), 300});
  return cases;
}

}  // namespace lilith::codegen::testing::kernels
