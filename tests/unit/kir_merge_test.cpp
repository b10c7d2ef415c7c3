// Kernels for a GPU side by side in one.
#include "kernel_ir/merge.h"

#include <gtest/gtest.h>

#include <numeric>

#include "codegen/c/source.h"
#include "codegen/cuda/dialect.h"
#include "kernel_ir/grid.h"
#include "runtime/cuda/nvrtc.h"
#include "support/expect_error.h"
#include "support/opencl_run.h"
#include "support/random_grid.h"

namespace lilith::codegen::testing {
namespace {

using namespace kir;
using lilith::testing::error_text;
using Bytes = std::vector<unsigned char>;

std::size_t bytes_of(const BufferDecl& b) {
  return static_cast<std::size_t>(b.size) * size_of(b.dtype);
}

/// Numbers of memory for the Params of some kernels, each its own.
std::vector<GridPart> apart(const std::vector<Kernel>& kernels) {
  std::vector<GridPart> parts;
  int next = 0;
  for (const Kernel& k : kernels) {
    parts.push_back({&k, {}});
    for (const BufferDecl& b : k.buffers)
      if (b.space == Space::Param) parts.back().memory.push_back(next++);
  }
  return parts;
}

/// Params of a kernel after a run, which began with small numbers.
std::vector<Bytes> run(const Kernel& k, RunOrder order) {
  std::vector<Bytes> memory;
  for (const BufferDecl& b : k.buffers) {
    if (b.space != Space::Param) continue;
    memory.emplace_back(bytes_of(b), 0);
    for (std::size_t i = 0; i < memory.back().size(); i += 2) memory.back()[i] = i % 61;
  }
  std::vector<void*> params;
  for (Bytes& m : memory) params.push_back(m.data());
  interpret(k, params, order);
  return memory;
}

std::vector<Kernel> random_kernels(unsigned seed, unsigned n) {
  std::vector<Kernel> all;
  for (unsigned k = 0; k < n; ++k) all.push_back(kernels::RandomGrid(seed + k).make());
  return all;
}

TEST(MergeGrids, ComputeWhatEachDoesByItself) {
  for (unsigned seed = 0; seed < 60; seed += 3) {
    const std::vector<Kernel> parts = random_kernels(seed, 3);
    std::vector<int> memory, all(9);
    const Kernel merged = merge_grids(apart(parts), &memory);
    verify(merged);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(memory, all);
    EXPECT_EQ(num_blocks(merged),
              num_blocks(parts[0]) + num_blocks(parts[1]) + num_blocks(parts[2]));
    for (const RunOrder order : {RunOrder{}, RunOrder{true, true}}) {
      std::vector<Bytes> want;
      for (const Kernel& k : parts)
        for (Bytes& b : run(k, order)) want.push_back(std::move(b));
      ASSERT_EQ(run(merged, order), want) << seed;
    }
  }
}

TEST(MergeGrids, OneMemoryIsOneParamAndSharedMemoryIsUsedInTurn) {
  const std::vector<Kernel> parts = random_kernels(7, 2);
  std::vector<int> memory;
  const Kernel merged = merge_grids({{&parts[0], {5, 6, 7}}, {&parts[1], {5, 6, 8}}}, &memory);
  verify(merged);
  EXPECT_EQ(memory, (std::vector<int>{5, 6, 7, 8}));
  std::int64_t shared = 0, most = 0;
  for (const BufferDecl& b : merged.buffers) shared += b.space == Space::Shared ? b.size : 0;
  for (const Kernel& k : parts)
    for (const BufferDecl& b : k.buffers)
      if (b.space == Space::Shared) most = std::max(most, b.size);
  EXPECT_EQ(shared, most);
  EXPECT_EQ(merged.threads, std::max(parts[0].threads, parts[1].threads));
}

TEST(MergeGrids, WhatOneStoresToNoOtherMayTouch) {
  const std::vector<Kernel> parts = random_kernels(7, 2);
  std::vector<int> memory;
  for (const int theirs : {0, 2}) {  // its input, its result
    std::vector<int> second{3, 4, 5};
    second[static_cast<std::size_t>(theirs)] = 2;
    if (theirs == 0 && parts[0].buffers[2].dtype != parts[1].buffers[0].dtype) continue;
    memory.clear();
    const Kernel merged = merge_grids({{&parts[0], {0, 1, 2}}, {&parts[1], second}}, &memory);
    EXPECT_NE(error_text([&] { verify(merged); }).find("several grid loops touch"),
              std::string::npos)
        << theirs;
  }
}

TEST(MergeGrids, GivesTheInterpretersBitsOnOpenCl) {
  NEEDS_OPENCL;
  std::vector<KernelCase> all;
  for (unsigned seed = 0; seed < 6; seed += 3) {
    const std::vector<Kernel> parts = random_kernels(seed, 3);
    std::vector<int> memory;
    all.push_back({merge_grids(apart(parts), &memory)});
  }
  check_on_opencl(all);
}

TEST(MergeGrids, CompilesForCuda) {
  if (const std::string& why = runtime::cuda::why_no_compiler(); !why.empty())
    GTEST_SKIP() << "SKIPPED: no text can be compiled: " << why;
  std::vector<Kernel> all;
  for (unsigned seed = 0; seed < 9; seed += 3) {
    const std::vector<Kernel> parts = random_kernels(seed, 3);
    std::vector<int> memory;
    all.push_back(merge_grids(apart(parts), &memory));
  }
  std::vector<const Kernel*> list;
  for (const Kernel& k : all) list.push_back(&k);
  EXPECT_EQ(runtime::cuda::compile(c::print(list, cuda::kDialect, {}).text, 90).log, "");
}

}  // namespace
}  // namespace lilith::codegen::testing
