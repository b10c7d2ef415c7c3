// Register tiles of C[480,512] += A[480,384] B[384,512] on packed panels in L1 and L2, as the code
// generator compiles them, against a loop of nothing but FMAs: percent of peak. Minima over
// repeats, the peak measured in between. Usage: gemm_tile [repeats]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "codegen/codegen.h"

namespace {

using namespace lilith;
using namespace lilith::kir;

constexpr int kM = 480, kN = 512, kK = 384;

/// A panel: [M / rows][K][rows]; B panel: [N / cols][K][cols]; C: [M][N]. One panel of B at a time.
Kernel tile_kernel(int rows, int cols, int m, int n, int depth) {
  Kernel k;
  Pool& p = *k.pool;
  k.name = "tile" + std::to_string(rows) + "x" + std::to_string(cols);
  const BufferId a = k.add_buffer("a", DType::F32, std::int64_t{m} * depth);
  const BufferId b = k.add_buffer("b", DType::F32, std::int64_t{n} * depth);
  const BufferId c = k.add_buffer("c", DType::F32, std::int64_t{m} * n);
  k.buffers.back().written = true;
  const RegId acc = k.add_reg("acc", DType::F32, {rows, cols});
  const Expr jt = p.var(n / cols, "jt"), it = p.var(m / rows, "it"), kk = p.var(depth, "k");
  const Expr r = p.var(rows, "r"), v = p.var(cols, "v");
  auto i64 = [&](std::int64_t x) { return p.integer(x); };
  const Expr av = p.load(a, DType::F32, it * i64(rows * depth) + kk * i64(rows) + r);
  const Expr bv = p.load(b, DType::F32, jt * i64(std::int64_t{cols} * depth) + kk * i64(cols) + v);
  const Expr at = (it * i64(rows) + r) * i64(n) + jt * i64(cols) + v;
  Block init = {
      make_for(r, LoopKind::Unroll,
               {make_for(v, LoopKind::Vector, {SetReg{acc, {r, v}, p.load(c, DType::F32, at)}})})};
  Block step = {make_for(
      r, LoopKind::Unroll,
      {make_for(v, LoopKind::Vector, {Accumulate{acc, {r, v}, Combine::Add, bv, av, {}}})})};
  Block end = {make_for(
      r, LoopKind::Unroll,
      {make_for(v, LoopKind::Vector, {Store{c, at, p.read(acc, DType::F32, {r, v}), {}}})})};
  Block tile = {DeclReg{acc, p.constant(DType::F32, 0)}, init[0],
                make_for(kk, LoopKind::Serial, step), end[0]};
  k.body = {make_for(jt, LoopKind::Parallel, {make_for(it, LoopKind::Serial, tile)})};
  return k;
}

/// Twelve chains of FMAs on registers alone: said as a tile that reads two hoisted vectors.
Kernel peak_kernel(int chunks, int lanes, int steps) {
  Kernel k;
  Pool& p = *k.pool;
  k.name = "peak";
  const BufferId a = k.add_buffer("a", DType::F32, 2 * lanes);
  const BufferId c = k.add_buffer("c", DType::F32, std::int64_t{chunks} * lanes);
  k.buffers.back().written = true;
  const RegId acc = k.add_reg("acc", DType::F32, {chunks, lanes});
  const Expr kk = p.var(steps, "k"), r = p.var(chunks, "r"), v = p.var(lanes, "v");
  const Expr x = p.load(a, DType::F32, v), y = p.load(a, DType::F32, v + p.integer(lanes));
  k.body = {
      DeclReg{acc, p.constant(DType::F32, 0)},
      make_for(kk, LoopKind::Serial,
               {make_for(r, LoopKind::Unroll,
                         {make_for(v, LoopKind::Vector,
                                   {Accumulate{acc, {r, v}, Combine::Add, x, y, {}}})})}),
      make_for(
          r, LoopKind::Unroll,
          {make_for(v, LoopKind::Vector,
                    {Store{c, r * p.integer(lanes) + v, p.read(acc, DType::F32, {r, v}), {}}})})};
  return k;
}

struct Run {
  codegen::CompiledKernel code;
  std::vector<void*> params;
  double flops = 0, best = 1e9;
  void once() {
    const auto begin = std::chrono::steady_clock::now();
    code.fn(params.data(), 0, 1, nullptr);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count());
  }
  double gflops() const { return flops / best * 1e-9; }
};

}  // namespace

int main(int argc, char** argv) {
  const int repeats = argc > 1 ? std::atoi(argv[1]) : 200;
  std::vector<float> a(kM * kK + 64, 0.5F), b(kN * kK + 64, 0.25F), c(kM * kN + 1024, 0.F);
  auto align = [](std::vector<float>& v) {
    return reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(v.data()) + 63) / 64 * 64);
  };
  for (codegen::Isa isa : {codegen::Isa::Avx512, codegen::Isa::Avx2, codegen::Isa::Baseline}) {
    if (!codegen::can_run(isa)) continue;
    const codegen::Target info = codegen::target_for(isa);
    const int lanes = info.vector_bytes / 4, steps = 1000000 / lanes;
    auto compile = [&](const Kernel& k) {
      const Kernel* list[] = {&k};
      return codegen::compile_kernels(list, info)[0];
    };
    Run peak{compile(peak_kernel(12, lanes, steps)), {align(a), align(c)}, 24.0 * lanes * steps};
    std::vector<std::pair<int, int>> tiles = {{6, 64}, {14, 32}, {12, 32}, {8, 48},
                                              {9, 48}, {3, 50},  {8, 32}};
    if (isa == codegen::Isa::Avx2) tiles = {{6, 16}, {4, 24}, {3, 32}, {5, 16}};
    if (isa == codegen::Isa::Baseline)
      tiles = {{6, 8}, {5, 8}, {4, 8}, {4, 12}, {3, 12}, {2, 16}, {3, 16}, {12, 4}, {8, 4}};
    for (auto [rows, cols] : tiles) {
      const int m = kM / rows * rows, n = kN / cols * cols;
      Run tile{compile(tile_kernel(rows, cols, m, n, kK)),
               {align(a), align(b), align(c)},
               2.0 * m * n * kK};
      Run panel{compile(tile_kernel(rows, cols, rows, cols, kK)),
                {align(a), align(b), align(c)},
                2.0 * rows * cols * kK};
      for (int i = 0; i < repeats; ++i) {
        peak.once();
        tile.once();
        for (int j = 0; j < 20; ++j) panel.once();
      }
      std::printf(
          "%-8s %2dx%-3d  %6.1f GF/s  %5.1f %% of %6.1f; one tile in L1 %5.1f %%; compiled in %.2f "
          "ms, %zu bytes\n",
          isa == codegen::Isa::Avx512 ? "avx512"
          : isa == codegen::Isa::Avx2 ? "avx2"
                                      : "baseline",
          rows, cols, tile.gflops(), 100 * tile.gflops() / peak.gflops(), peak.gflops(),
          100 * panel.gflops() / peak.gflops(), tile.code.compile_ms, tile.code.code_bytes);
    }
  }
}
