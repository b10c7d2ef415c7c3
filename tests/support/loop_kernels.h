#pragma once
#include <utility>

#include "support/kernel_inputs.h"

// Kernels of loops, registers, memory and masks, for the tests of every emitter.
namespace lilith::codegen::testing::kernels {

using namespace kir;

struct Builder {
  Kernel k;
  Pool& p;
  explicit Builder(std::string name) : p(*k.pool) { k.name = std::move(name); }
  BufferId in(DType d, std::int64_t size) {
    return k.add_buffer("in" + std::to_string(k.buffers.size()), d, size);
  }
  BufferId out(DType d, std::int64_t size) {
    const BufferId b = in(d, size);
    k.buffers.back().written = true;
    return b;
  }
  Expr load(BufferId b, Expr i, Expr mask = {}) {
    return p.load(b, k.buffers[static_cast<std::size_t>(b)].dtype, i, mask);
  }
  Expr f(double v) { return p.constant(DType::F32, v); }
  Expr n(std::int64_t v) { return p.integer(v); }
};

inline Expr abs(Builder& b, Expr x) { return b.p.make(Op::Abs, x->dtype, {x}); }

inline std::vector<KernelCase> pointwise() {
  std::vector<KernelCase> cases;
  for (std::int64_t n : {1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 64, 100, 257}) {
    Builder b("pointwise" + std::to_string(n));
    const BufferId x = b.in(DType::F32, n), y = b.in(DType::F32, n), z = b.out(DType::F32, n);
    const Expr i = b.p.var(n, "i");
    b.k.body = {
        make_for(i, LoopKind::Vector, {Store{z, i, b.load(x, i) * b.load(y, i) + 1.5, {}}})};
    cases.push_back({std::move(b.k)});
  }
  return cases;
}

inline std::vector<KernelCase> rows_columns_and_transposes() {
  std::vector<KernelCase> cases;
  for (auto [m, n] : {std::pair<int, int>{7, 33}, {16, 16}, {3, 100}, {40, 5}}) {
    Builder b("transpose" + std::to_string(n));
    const BufferId x = b.in(DType::F32, m * n), y = b.in(DType::F32, n),
                   z = b.out(DType::F32, m * n);
    const BufferId t = b.out(DType::F32, m * n);
    const Expr i = b.p.var(m, "i"), j = b.p.var(n, "j");
    const Expr v = b.load(x, i * b.n(n) + j) + b.load(y, j);
    const Expr back = b.load(x, i * b.n(n) + (b.n(n - 1) - j));
    b.k.body = {make_for(
        i, LoopKind::Parallel,
        {make_for(j, LoopKind::Vector,
                  {Store{z, i * b.n(n) + j, v, {}}, Store{t, j * b.n(m) + i, back, {}}})})};
    cases.push_back({std::move(b.k)});
  }
  return cases;
}

inline std::vector<KernelCase> mixed_widths() {
  std::vector<KernelCase> cases;
  for (DType d : {DType::Bool, DType::U8, DType::I8, DType::I16, DType::I32, DType::I64, DType::F16,
                  DType::BF16, DType::F32, DType::F64}) {
    for (DType e : {DType::Bool, DType::U8, DType::I8, DType::I16, DType::I32, DType::I64,
                    DType::F16, DType::BF16, DType::F32, DType::F64}) {
      Builder b("cast_" + std::string(name(d)) + "_" + std::string(name(e)));
      const BufferId x = b.in(d, 83), z = b.out(e, 83);
      const Expr i = b.p.var(83, "i");
      b.k.body = {make_for(i, LoopKind::Vector, {Store{z, i, b.p.cast(b.load(x, i), e), {}}})};
      cases.push_back({std::move(b.k), 1});
    }
  }
  return cases;
}

inline std::vector<KernelCase> masks() {
  std::vector<KernelCase> cases;
  Builder b("masks");
  const int n = 53;
  const BufferId x = b.in(DType::F32, n), m = b.in(DType::Bool, n), z = b.out(DType::F32, n);
  const BufferId u = b.out(DType::F32, n), w = b.out(DType::F32, 4 * n);
  const Expr i = b.p.var(n, "i"), r = b.p.var(4, "r");
  // Shifted reads with a guard that differs between lanes, and rows that are wholly outside.
  const Expr inside = logical_and(le(b.n(3), i), lt(i, b.n(50)));
  const Expr shifted = b.load(x, i - b.n(3), inside) + b.load(x, i + b.n(3), lt(i, b.n(n - 3)));
  const Expr row = b.load(x, r * b.n(20) + i, lt(r * b.n(20) + i, b.n(n)));
  const Expr far = b.load(x, r * b.n(1000000) + i, lt(r, b.n(1)));
  const Expr far_scalar = b.load(x, r * b.n(1000000), lt(r, b.n(1)));
  b.k.body = {
      make_for(i, LoopKind::Vector, {Store{z, i, shifted, {}}, Store{u, i, shifted, b.load(m, i)}}),
      make_for(
          r, LoopKind::Serial,
          {make_for(i, LoopKind::Vector, {Store{w, r * b.n(n) + i, row + far * far_scalar, {}}})})};
  cases.push_back({std::move(b.k)});
  return cases;
}

inline std::vector<KernelCase> gathers_and_scatters() {
  std::vector<KernelCase> cases;
  Builder b("gather");
  const int n = 45;
  const BufferId x = b.in(DType::F32, 200), idx = b.in(DType::I64, n), z = b.out(DType::F32, n);
  const BufferId s = b.out(DType::F32, 200), y = b.out(DType::F32, n), h = b.in(DType::BF16, 200);
  const Expr i = b.p.var(n, "i");
  const Expr at = floor_mod(b.load(idx, i), 100);
  const Expr split = floor_div(i, 7) * b.n(9) + floor_mod(i, 7);
  b.k.body = {make_for(
      i, LoopKind::Vector,
      {Store{z, i, b.load(x, at + b.n(50)) + b.load(x, split) + b.load(h, at), {}},
       Store{y, i, b.load(x, i * b.n(3)), {}}, Store{s, i * b.n(4) + b.n(1), b.load(x, i), {}}})};
  cases.push_back({std::move(b.k)});
  return cases;
}

inline std::vector<KernelCase> integers_are_cut_by_stores() {
  std::vector<KernelCase> cases;
  Builder b("cut");
  const BufferId x = b.in(DType::I64, 83), y = b.in(DType::I32, 83);
  const Expr i = b.p.var(83, "i");
  Block body;
  for (DType d : {DType::U8, DType::I8, DType::I16, DType::I32}) {
    body.push_back(Store{b.out(d, 83), i, b.load(x, i) * b.n(1000003), {}});
    body.push_back(Store{b.out(d, 83), i, b.load(y, i), {}});
  }
  body.push_back(Store{b.out(DType::I64, 83), i, b.load(y, i), {}});
  b.k.body = {make_for(i, LoopKind::Vector, std::move(body))};
  cases.push_back({std::move(b.k)});
  return cases;
}

inline std::vector<KernelCase> reductions() {
  std::vector<KernelCase> cases;
  for (std::int64_t n : {1, 7, 16, 40, 64, 100, 1000}) {
    Builder b("reduce" + std::to_string(n));
    const BufferId x = b.in(DType::F32, 6 * n), z = b.out(DType::F32, 6 * 5);
    const BufferId xi = b.in(DType::I32, n), zi = b.out(DType::I32, 6);
    const Expr i = b.p.var(6, "i"), j = b.p.var(n, "j");
    const RegId sum = b.k.add_reg("sum", DType::F32), high = b.k.add_reg("high", DType::F32);
    const RegId dot = b.k.add_reg("dot", DType::F32), bits = b.k.add_reg("bits", DType::I32);
    const RegId some = b.k.add_reg("some", DType::F32);
    const Expr v = b.load(x, i * b.n(n) + j);
    auto read = [&](RegId r) { return b.p.read(r, DType::F32); };
    b.k.body = {make_for(
        i, LoopKind::Parallel,
        {DeclReg{sum, b.f(1)}, DeclReg{high, b.f(-100)}, DeclReg{dot, b.f(0)},
         DeclReg{bits, b.p.integer(3, DType::I32)}, DeclReg{some, b.f(0)},
         make_for(j, LoopKind::Vector,
                  {Accumulate{sum, {}, Combine::Add, v, {}, {}},
                   Accumulate{high, {}, Combine::Max, v, {}, {}},
                   Accumulate{dot, {}, Combine::Add, v, v + 1.0, {}},
                   Accumulate{some, {}, Combine::Add, b.f(1), {}, lt(b.f(0), v)},
                   Accumulate{bits, {}, Combine::Add, b.load(xi, j), {}, {}}}),
         Store{z, i * b.n(5), read(sum), {}}, Store{z, i * b.n(5) + b.n(1), read(high), {}},
         Store{z, i * b.n(5) + b.n(2), read(dot), {}},
         Store{z, i * b.n(5) + b.n(3), read(some), {}}, Store{z, i * b.n(5) + b.n(4), b.f(0), {}},
         Store{zi, i, b.p.read(bits, DType::I32), {}}})};
    cases.push_back({std::move(b.k), static_cast<double>(n) * 8});
  }
  return cases;
}

inline std::vector<KernelCase> sums_over_rows_in_lanes() {
  std::vector<KernelCase> cases;
  Builder b("columns");
  const int m = 9, n = 37;
  const BufferId x = b.in(DType::F32, m * n), z = b.out(DType::F32, n);
  const Expr i = b.p.var(m, "i"), j = b.p.var(n, "j");
  const RegId sum = b.k.add_reg("sum", DType::F32), hist = b.k.add_reg("hist", DType::F32, {3});
  b.k.body = {make_for(
      j, LoopKind::Vector,
      {DeclReg{sum, b.f(0)}, DeclReg{hist, b.f(0)},
       make_for(
           i, LoopKind::Serial,
           {Accumulate{sum, {}, Combine::Add, b.load(x, i * b.n(n) + j), {}, {}},
            Accumulate{hist, {floor_mod(i, 3)}, Combine::Max, b.load(x, i * b.n(n) + j), {}, {}}}),
       Store{z, j, b.p.read(sum, DType::F32) + b.p.read(hist, DType::F32, {b.n(1)}), {}}})};
  cases.push_back({std::move(b.k), 64});
  return cases;
}

inline std::vector<KernelCase> two_passes_over_a_row() {
  std::vector<KernelCase> cases;
  // Softmax without exp: maximum, then sum, then division; the row is in thread scratch.
  Builder b("rows");
  const int n = 45;
  const BufferId x = b.in(DType::F32, 7 * n), z = b.out(DType::F32, 7 * n);
  const BufferId row = b.k.add_buffer("row", DType::F32, n, Space::Thread);
  b.k.buffers.back().written = true;
  const Expr i = b.p.var(7, "i"), j = b.p.var(n, "j");
  const RegId m = b.k.add_reg("m", DType::F32), s = b.k.add_reg("s", DType::F32);
  const Expr v = b.load(x, i * b.n(n) + j);
  b.k.body = {make_for(
      i, LoopKind::Parallel,
      {DeclReg{m, b.f(-1e30)},
       make_for(j, LoopKind::Vector, {Accumulate{m, {}, Combine::Max, v, {}, {}}}),
       DeclReg{s, b.f(0)},
       make_for(j, LoopKind::Vector,
                {Store{row, j, b.f(1) / (b.f(2) + b.p.read(m, DType::F32) - v), {}},
                 Accumulate{s, {}, Combine::Add, b.load(row, j), {}, {}}}),
       make_for(j, LoopKind::Vector,
                {Store{z, i * b.n(n) + j, b.load(row, j) / b.p.read(s, DType::F32), {}, true}})})};
  cases.push_back({std::move(b.k), 64});
  return cases;
}

inline std::vector<KernelCase> conditions() {
  std::vector<KernelCase> cases;
  Builder b("ifs");
  const int n = 39;
  const BufferId x = b.in(DType::F32, n), z = b.out(DType::F32, 4 * n), c = b.out(DType::I64, 1);
  const Expr i = b.p.var(n, "i"), r = b.p.var(4, "r");
  const RegId v = b.k.add_reg("v", DType::F32), w = b.k.add_reg("w", DType::I64);
  auto block = [](Block s) { return std::make_shared<Block>(std::move(s)); };
  const Expr xi = b.load(x, i);
  If inner{lt(b.f(1), xi), block({SetReg{v, {}, xi * 2.0}, Store{z, r * b.n(n) + i, xi, {}}}),
           block({SetReg{v, {}, b.f(7)}})};
  If outer{lt(r, b.n(2)), block({inner}), block({SetReg{v, {}, b.f(9)}})};
  b.k.body = {
      make_for(
          r, LoopKind::Serial,
          {make_for(
              i, LoopKind::Vector,
              {DeclReg{v, b.f(3)}, outer,
               Store{
                   z, r * b.n(n) + i, b.p.read(v, DType::F32) + b.load(z, r * b.n(n) + i), {}}})}),
      DeclReg{w, b.n(100)},
      While{lt(b.n(3), b.p.read(w, DType::I64)),
            block({SetReg{w, {}, b.p.make(Op::Div, DType::I64, {b.p.read(w, DType::I64), b.n(2)})},
                   If{eq(b.p.read(w, DType::I64), b.n(12)), block({SetReg{w, {}, b.n(11)}}), {}}})},
      Store{c, b.n(0), b.p.read(w, DType::I64), {}}};
  cases.push_back({std::move(b.k)});
  return cases;
}

inline std::vector<KernelCase> bit_scans_into_a_tile() {
  std::vector<KernelCase> cases;
  // For every bit of a mask, a row of weights is added to a tile in registers.
  Builder b("bitscan");
  const int cols = 40;
  const BufferId masks = b.in(DType::I32, 9), w = b.in(DType::F32, 32 * cols);
  const BufferId g = b.in(DType::F32, 32), z = b.out(DType::F32, 9 * 2 * cols);
  const Expr t = b.p.var(9, "t"), r = b.p.var(2, "r"), c = b.p.var(cols, "c");
  const RegId bits = b.k.add_reg("bits", DType::I32), at = b.k.add_reg("at", DType::I64);
  const RegId tile = b.k.add_reg("tile", DType::F32, {2, cols});
  const Expr m = b.p.read(bits, DType::I32), i = b.p.read(at, DType::I64);
  const Expr low = b.p.cast(b.p.make(Op::Ctz, DType::I32, {m}), DType::I64);
  const Expr rest =
      b.p.make(Op::And, DType::I32, {m, b.p.make(Op::Sub, DType::I32, {m, m.like(1)})});
  auto each = [&](Block body) {
    return make_for(r, LoopKind::Unroll, {make_for(c, LoopKind::Vector, std::move(body))});
  };
  Block scan = {SetReg{at, {}, low}, SetReg{bits, {}, rest},
                each({Accumulate{tile,
                                 {r, c},
                                 Combine::Add,
                                 b.load(w, i * b.n(cols) + c),
                                 b.load(g, floor_mod(i + r, 32)),
                                 {}}})};
  b.k.body = {make_for(
      t, LoopKind::Parallel,
      {DeclReg{bits, b.load(masks, t)}, DeclReg{at, b.n(0)}, DeclReg{tile, b.f(0)},
       While{ne(m, m.like(0)), std::make_shared<Block>(scan)},
       each(
           {Store{z, (t * b.n(2) + r) * b.n(cols) + c, b.p.read(tile, DType::F32, {r, c}), {}}})})};
  cases.push_back({std::move(b.k), 100});
  return cases;
}

inline std::vector<KernelCase> scalar_stores_with_masks() {
  std::vector<KernelCase> cases;
  Builder b("scalars");
  const BufferId x = b.in(DType::F32, 20), z = b.out(DType::F32, 20);
  const Expr i = b.p.var(20, "i");
  b.k.body = {make_for(i, LoopKind::Serial,
                       {Store{z, i, b.load(x, i), lt(b.f(0), b.load(x, i))},
                        Store{z, b.n(0), b.load(z, i) + b.load(z, b.n(0)), {}}})};
  cases.push_back({std::move(b.k)});
  return cases;
}

/// What was stored before a barrier is read after it, by another item.
inline std::vector<KernelCase> barrier() {
  Builder b("barrier");
  const BufferId x = b.in(DType::F32, 4), y = b.out(DType::F32, 4), z = b.out(DType::F32, 4);
  const Expr i = b.p.var(4, "i");
  b.k.body = {make_for(i, LoopKind::Serial, {Store{y, i, b.load(x, i), {}}}), Barrier{},
              make_for(i, LoopKind::Serial, {Store{z, i, b.load(y, b.n(3) - i), {}}})};
  std::vector<KernelCase> cases;
  cases.push_back({std::move(b.k)});
  return cases;
}

}  // namespace lilith::codegen::testing::kernels
