#include <gtest/gtest.h>

#include "codegen/codegen.h"
#include "support/barriers.h"
#include "support/expect_error.h"
#include "support/random_grid.h"

// The GPU form, interpreted: blocks and threads in either order give what a plain loop does; no
// Barrier can be left out.
namespace lilith::codegen::testing {
namespace {

using namespace kir;
using kernels::GridCase;
using lilith::testing::error_text;

Inputs run(const Kernel& k, Inputs values, RunOrder order) {
  std::vector<void*> pointers;
  for (auto& v : values) pointers.push_back(v.data());
  interpret(k, pointers, order);
  return values;
}

TEST(KirGrid, ThreadsAndBlocksRunInAnyOrder) {
  std::vector<Kernel> all = kernels::more_grid_kernels();
  for (unsigned seed = 0; seed < 100; ++seed) all.push_back(kernels::RandomGrid(seed).make());
  for (Kernel& k : kernels::combination_kernels()) all.push_back(std::move(k));
  for (GridCase& c : kernels::grid_kernels()) all.push_back(std::move(c.kernel));
  for (const Kernel& k : all) {
    EXPECT_EQ(error_text([&] { verify(k); }), "no error") << to_string(k);
    const Inputs in = random_inputs(k), want = run(k, in, {});
    EXPECT_EQ(run(k, in, {false, true}), want) << k.name;
    EXPECT_EQ(run(k, in, {true, false}), want) << k.name;
    EXPECT_EQ(run(k, in, {true, true}), want) << k.name;
  }
}

TEST(KirGrid, ComputesWhatPlainLoopsDo) {
  for (const GridCase& c : kernels::grid_kernels()) {
    const Inputs in = random_inputs(c.kernel), out = run(c.kernel, in, {});
    const std::vector<std::vector<double>> want = c.plain(in);
    for (std::size_t p = 0; p < in.size(); ++p) {
      if (want[p].empty()) {
        EXPECT_EQ(out[p], in[p]) << c.kernel.name;
        continue;
      }
      const std::vector<double> got = kernels::numbers(out[p]);
      ASSERT_EQ(got.size(), want[p].size());
      for (std::size_t i = 0; i < got.size(); ++i)
        ASSERT_LE(std::abs(got[i] - want[p][i]), c.tolerance * (1 + std::abs(want[p][i])))
            << c.kernel.name << " at " << i << ": " << got[i] << ", want " << want[p][i];
    }
  }
}

// The orders are what they say: where two threads or blocks race, the last one wins.
TEST(KirGrid, ARaceShowsInAnotherOrder) {
  kernels::Builder b("race");
  b.k.threads = 4;
  const BufferId y = b.out(DType::F32, 1);
  const Expr block = b.p.var(3, "block"), t = b.p.var(4, "t");
  b.k.body = {kernels::grid(
      block,
      {kernels::thread(t, {Store{y, b.n(0), b.p.cast(block * b.n(4) + t, DType::F32), {}}})})};
  EXPECT_THROW(verify(b.k), InternalError);
  const Inputs in = random_inputs(b.k);
  const auto last = [&](RunOrder order) { return kernels::numbers(run(b.k, in, order)[0])[0]; };
  EXPECT_EQ(last({}), 11);
  EXPECT_EQ(last({false, true}), 8);
  EXPECT_EQ(last({true, false}), 3);
  EXPECT_EQ(last({true, true}), 0);
}

TEST(KirGrid, EveryBarrierIsNeeded) {
  int found = 0;
  for (const GridCase& c : kernels::grid_kernels()) {
    lilith::testing::without_each_barrier(c.kernel, [&](const Kernel& k, int n) {
      ++found;
      const std::string text = error_text([&] { verify(k); });
      EXPECT_NE(text.find("no barrier between"), std::string::npos)
          << k.name << " without barrier " << n << ": " << text;
    });
  }
  EXPECT_EQ(found, 6);  // transpose 1, column partials 1, matmul 2, softmax 2
}

TEST(KirGrid, NoMachineCodeIsMadeForThem) {
  const Kernel k = kernels::transpose().kernel;
  const Kernel* list[] = {&k};
  const std::string text = error_text([&] { compile_kernels(list); });
  EXPECT_NE(text.find("codegen: kernel transpose is one for a GPU"), std::string::npos) << text;
}

TEST(KirGrid, SharedMemoryIsUndefinedInEachBlock) {
  kernels::Builder b("undefined");
  b.k.threads = 4;
  const BufferId y = b.out(DType::F32, 8), tile = kernels::shared(b, DType::F32, 4);
  const Expr block = b.p.var(2, "block"), t = b.p.var(4, "t");
  b.k.body = {
      kernels::grid(block, {kernels::thread(t, {Store{y, block * b.n(4) + t, b.load(tile, t), {}}}),
                            Barrier{}, kernels::thread(t, {Store{tile, t, b.f(1), {}}})})};
  verify(b.k);
  const Inputs out = run(b.k, random_inputs(b.k), {});
  for (std::size_t i = 0; i < 8; ++i) EXPECT_TRUE(std::isnan(kernels::numbers(out[0])[i])) << i;
}

TEST(KirGrid, TheTextSaysWhereThingsLive) {
  EXPECT_EQ(to_string(kernels::row_sum(64, 40).kernel), R"(kernel row sum by 40, 64 threads a block
  param in0: f32[1500]
  param in1: f32[5] written
  grid r in 5
    decl sum: f32 = 0.0
    thread t in 40
      for k in 8
        sum <- add in0[(((r * 300) + t) + (k * 40))] where ((t + (k * 40)) < 300)
    thread one in 1
      in1[r] = sum
)");
}

TEST(KirGrid, TheTextOfATileInSharedMemory) {
  EXPECT_EQ(to_string(kernels::column_partials().kernel),
            R"(kernel column partials, 256 threads a block
  param in0: f32[8400]
  param in1: f32[210] written
  shared tile2: f32[256]
  grid block in 9
    decl acc: f32[thread 8][thread 32] = 0.0
    thread ty in 8
      thread tx in 32
        for k in 5
          %0 = ((block % 3) * 32)
          acc[ty][tx] <- add (in0[(((((ty * 70) + tx) + (k * 560)) + ((block // 3) * 2800)) + %0)] where ((tx + %0) < 70))
    thread ty in 8
      thread tx in 32
        tile2[((ty * 32) + tx)] = acc[ty][tx]
    barrier
    thread t in 32
      decl sum: f32 = 0.0
      for q in 8
        sum <- add tile2[(t + (q * 32))]
      %0 = ((block % 3) * 32)
      in1[((t + ((block // 3) * 70)) + %0)] = sum where ((t + %0) < 70)
)");
}

TEST(KirGrid, TheCanonicalFormKnowsThreads) {
  const GridCase c = kernels::transpose();
  Kernel other = c.kernel;
  other.name = "another";
  EXPECT_EQ(canonical_form(other), canonical_form(c.kernel));
  other.threads = 512;
  EXPECT_NE(canonical_form(other), canonical_form(c.kernel));
  Kernel rows = kernels::rows_of_a_block().kernel, changed = rows;
  changed.regs[0].thread_dims = 0;
  EXPECT_NE(canonical_form(rows), canonical_form(changed));
}

}  // namespace
}  // namespace lilith::codegen::testing
