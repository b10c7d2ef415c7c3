// CUDA C++: what NVRTC says to the printed text, for several architectures.
#include <gtest/gtest.h>

#include "codegen/c/source.h"
#include "codegen/cuda/dialect.h"
#include "support/expect_error.h"
#include "support/nvrtc.h"
#include "support/op_kernels.h"
#include "support/random_grid.h"

namespace lilith::codegen::testing {
namespace {

using namespace kir;

std::string text_of(std::span<const Kernel* const> kernels) {
  return c::print(kernels, cuda::kDialect, {}).text;
}
std::string text_of(const Kernel& k) {
  const Kernel* list[] = {&k};
  const std::string text = text_of(list);
  return text.substr(text.find("// " + k.name));
}

void compile_all(const std::vector<Kernel>& all) {
  std::vector<const Kernel*> list;
  for (const Kernel& k : all) list.push_back(&k);
  const std::string text = text_of(list);
  for (const int architecture : {80, 90, 100}) {
    const runtime::cuda::Compiled out = runtime::cuda::compile(text, architecture);
    EXPECT_EQ(out.log, "") << architecture;
    ASSERT_GT(out.cubin.size(), 1000u);
    EXPECT_EQ(out.cubin.substr(1, 3), "ELF");
    for (const Kernel* k : list)
      EXPECT_NE(out.cubin.find("lilith_" + std::to_string(k - list[0])), std::string::npos);
  }
}

TEST(CudaText, CompilesForEachArchitecture) {
  NEEDS_NVRTC;
  std::vector<Kernel> all;
  for (kernels::GridCase& c : kernels::grid_kernels()) all.push_back(std::move(c.kernel));
  compile_all(all);
}

TEST(CudaText, CompilesCombinationsAndVectors) {
  NEEDS_NVRTC;
  compile_all(kernels::combination_kernels());
  compile_all(kernels::more_grid_kernels());
  std::vector<Kernel> random;
  for (unsigned seed = 0; seed < 4; ++seed) random.push_back(kernels::RandomGrid(seed).make());
  compile_all(random);
}

// Arrays of registers are registers: nothing is spilled, and a tile of 4x4 leaves room for four
// blocks of 256 threads.
TEST(CudaText, RegistersAreEnough) {
  NEEDS_NVRTC;
  std::vector<Kernel> all;
  for (kernels::GridCase& c : kernels::grid_kernels()) all.push_back(std::move(c.kernel));
  std::vector<const Kernel*> list;
  for (const Kernel& k : all) list.push_back(&k);
  const std::string log = runtime::cuda::compile(text_of(list), 90, true).log;
  const std::vector<runtime::cuda::FunctionUse> use = runtime::cuda::usage_of(log);
  EXPECT_EQ(use.size(), all.size()) << log;
  for (const runtime::cuda::FunctionUse& f : use) {
    EXPECT_EQ(f.spilled, 0) << f.name;
    EXPECT_TRUE(f.registers > 0 && f.registers <= 64) << f.name << ": " << f.registers;
  }
}

TEST(CudaText, LanesOfAWarpShuffleAndWarpsMeet) {
  EXPECT_EQ(text_of(kernels::row_sum(256, 256).kernel), R"(// row sum by 256
extern "C" __global__ void __launch_bounds__(256) lilith_0_0(char* b0_base, i64 b0_at, char* b1_base, i64 b1_at) {
  const u32* b0 = (const u32*)(b0_base + b0_at);
  u32* b1 = (u32*)(b1_base + b1_at);
  __shared__ __attribute__((aligned(16))) u32 lanes_u32[256];
  const i32 thread = (i32)threadIdx.x;
  const i32 x0 = (i32)blockIdx.x;
  f32 r0 = 0.0f;
  f32 p0 = (-0.0f);
  {
    const i32 x1 = thread;
    for (i32 x2 = 0; x2 < 2; ++x2) {
      const bool t0 = (x1 + (x2 * 256)) < 300;
      const i32 t1 = x2 * 256;
      const f32 t2 = t0 ? f32_bits(b0[((x0 * 300) + x1) + t1]) : 0.0f;
      if (t0) p0 = p0 + t2;
    }
  }
  for (i32 s = 1; s < 32; s *= 2)
    p0 = p0 + shuffle_f32(p0, s);
  if (thread % 32 == 0) lanes_u32[thread / 32] = bits_f32(p0);
  __syncthreads();
  p0 = f32_bits(lanes_u32[thread % 8]);
  for (i32 s = 1; s < 8; s *= 2)
    p0 = p0 + shuffle_f32(p0, s);
  r0 = r0 + p0;
  __syncthreads();
  if (thread < 1) {
    const i32 x3 = thread;
    b1[x0] = bits_f32(r0);
  }
}
)");
}

TEST(CudaText, RowsOfAWarpNeedNoMemory) {
  const std::string text = text_of(kernels::rows_of_a_block().kernel);
  EXPECT_EQ(text.find("__shared__"), std::string::npos) << text;
  EXPECT_NE(text.find(R"(
  for (i32 s = 1; s < 8; s *= 2)
    p0 = max_f32(p0, shuffle_f32(p0, s));
  r0 = max_f32(r0, p0);
)"),
            std::string::npos)
      << text;
}

TEST(CudaText, OtherNumbersOfLanesMeetInMemory) {
  const std::string text = text_of(kernels::every_combination(DType::I32, 24, 80));
  EXPECT_EQ(text.find("shuffle"), std::string::npos);
  EXPECT_NE(text.find(R"(
  for (i32 s = 1; s < 24; s *= 2) {
    __syncthreads();
    if (thread % 24 % (2 * s) == 0 && thread % 24 + s < 24 && thread < 72)
      lanes_i32[thread] = add_i32(lanes_i32[thread], lanes_i32[thread + s]);
  }
  __syncthreads();
  r0 = add_i32(r0, lanes_i32[thread / 24 * 24]);
)"),
            std::string::npos)
      << text;
}

TEST(CudaText, TheCompilersWordsAreInTheError) {
  NEEDS_NVRTC;
  const std::string text = lilith::testing::error_text(
      [] { runtime::cuda::compile("extern \"C\" __global__ void k() { none(); }", 90); });
  EXPECT_NE(text.find("cuda: nvrtcCompileProgram failed for sm_90: NVRTC_ERROR_COMPILATION"),
            std::string::npos);
  EXPECT_NE(text.find("identifier \"none\" is undefined"), std::string::npos) << text;
}

}  // namespace
}  // namespace lilith::codegen::testing
