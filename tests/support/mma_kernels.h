#pragma once
#include <bit>

#include "support/grid_kernels.h"

// Products by warps, for the tests of every emitter.
namespace lilith::codegen::testing::kernels {

/// What an Mma multiplies for an element of memory.
inline double factor(const std::vector<char>& bytes, DType d, std::int64_t i) {
  const double v = element(bytes.data(), d, static_cast<std::size_t>(i));
  if (d != DType::F32) return v;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(v)) & ~0x1fffu);
}

/// z[m, n] = x[m, k] y[n, k], two warps of 32x16 a block, 32 elements of the sum in shared memory
/// at a time; of f32, y lies there with its columns in line.
inline GridCase warp_product(DType d) {
  Builder b("warp product of " + std::string(name(d)));
  b.k.threads = 64;
  const std::int64_t m = 64, n = 64, k = 96, line = d == DType::F32 ? 36 : 40, slices = k / 32;
  const BufferId x = b.in(d, m * k), y = b.in(d, n * k), z = b.out(DType::F32, m * n);
  const BufferId xs = shared(b, d, 32 * line), ys = shared(b, d, 32 * 40);
  const Expr block = b.p.var(4, "block"), t = b.p.var(64, "t"), w = b.p.var(2, "w");
  const Expr lane = b.p.var(32, "lane"), slice = b.p.var(slices, "slice"), e = b.p.var(16, "e");
  const Expr step = b.p.var(d == DType::F32 ? 4 : 2, "step");
  const Expr i0 = floor_div(block, 2) * b.n(32), j0 = floor_mod(block, 2) * b.n(32);
  const Expr at = e * b.n(64) + t, row = floor_div(at, 32), kk = floor_mod(at, 32);
  const bool by_column = d == DType::F32;
  const Expr from_x = b.load(x, (i0 + row) * b.n(k) + slice * b.n(32) + kk);
  const Expr from_y = b.load(y, (j0 + row) * b.n(k) + slice * b.n(32) + kk);
  const RegId acc = b.k.add_thread_reg("acc", DType::F32, {2, 32, 2, 2, 4}, 2);
  const std::int64_t words = by_column ? 8 : 16;
  const Mma multiply{acc,
                     {w, lane},
                     {xs, step * b.n(words), line, 1},
                     by_column ? MmaOperand{ys, step * b.n(8 * 40) + w * b.n(16), 1, 40}
                               : MmaOperand{ys, w * b.n(16 * 40) + step * b.n(16), 40, 1}};
  const Expr i = b.p.var(2, "i"), j = b.p.var(2, "j"), r = b.p.var(4, "r");
  const Expr out_row = i0 + i * b.n(16) + floor_div(lane, 4) + floor_div(r, 2) * b.n(8);
  const Expr out_column =
      j0 + w * b.n(16) + j * b.n(8) + floor_mod(lane, 4) * b.n(2) + floor_mod(r, 2);
  const Store out{
      z, out_row * b.n(n) + out_column, b.p.read(acc, DType::F32, {w, lane, i, j, r}), {}};
  const Expr to_y = by_column ? kk * b.n(40) + row : row * b.n(40) + kk;
  b.k.body = {grid(
      block, {DeclReg{acc, b.f(0)},
              serial(slice, {thread(t, {unroll(e, {Store{xs, row * b.n(line) + kk, from_x, {}},
                                                   Store{ys, to_y, from_y, {}}})}),
                             Barrier{}, thread(w, lane, {unroll(step, {multiply})}), Barrier{}}),
              thread(w, lane, {unroll(i, {unroll(j, {unroll(r, {out})})})})})};
  const auto plain = [=](const Inputs& in) {
    std::vector<double> product;
    for (std::int64_t row = 0; row < m; ++row) {
      for (std::int64_t column = 0; column < n; ++column) {
        double s = 0;
        for (std::int64_t l = 0; l < k; ++l)
          s += factor(in[0], d, row * k + l) * factor(in[1], d, column * k + l);
        product.push_back(s);
      }
    }
    return std::vector<std::vector<double>>{{}, {}, product};
  };
  return {std::move(b.k), plain, 1e-4};
}

/// An accumulator of the nest itself, one warp of the block's threads.
inline Kernel one_warp_of_three() {
  Builder b("one warp of three");
  b.k.threads = 96;
  const BufferId x = b.in(DType::F32, 16 * 8), z = b.out(DType::F32, 2 * 128);
  const BufferId s = shared(b, DType::F32, 16 * 8);
  const Expr block = b.p.var(2, "block"), t = b.p.var(64, "t"), e = b.p.var(2, "e");
  const Expr lane = b.p.var(32, "lane"), r = b.p.var(4, "r"), at = e * b.n(64) + t;
  const RegId acc = b.k.add_reg("acc", DType::F32, {1, 1, 4});
  const Expr zero = b.n(0), held = b.p.read(acc, DType::F32, {zero, zero, r});
  b.k.body = {grid(
      block,
      {thread(t, {unroll(e, {Store{s, at, b.load(x, at), {}}})}), Barrier{},
       thread(lane, {DeclReg{acc, b.f(0.5)}, Mma{acc, {}, {s, zero, 8, 1}, {s, zero, 8, 1}},
                     unroll(r, {Store{z, block * b.n(128) + lane * b.n(4) + r, held, {}}})})})};
  return std::move(b.k);
}

}  // namespace lilith::codegen::testing::kernels
