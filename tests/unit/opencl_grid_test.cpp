// Kernels for a GPU on an OpenCL device: a block is a work group.
#include "codegen/opencl/dialect.h"
#include "support/expect_error.h"
#include "support/opencl_run.h"
#include "support/random_grid.h"

namespace lilith::codegen::testing {
namespace {

using namespace kir;
using lilith::testing::error_text;

std::string text_of(const Kernel& k) {
  const Kernel* list[] = {&k};
  const std::string text = c::print(list, opencl::kDialect, {}).text;
  return text.substr(text.find("// " + k.name));
}

TEST(OpenClGrid, GivesTheInterpretersBits) {
  NEEDS_OPENCL;
  std::vector<KernelCase> all;
  for (kernels::GridCase& c : kernels::grid_kernels()) all.push_back({std::move(c.kernel)});
  check_on_opencl(all);
}

TEST(OpenClGrid, CombinesLanesOfAnyNumberAndDtype) {
  NEEDS_OPENCL;
  std::vector<Kernel> kernels = kernels::combination_kernels();
  std::vector<KernelCase> all;  // building one takes a second
  for (std::size_t k = 0; k < kernels.size(); k += 4) all.push_back({std::move(kernels[k])});
  check_on_opencl(all);
}

TEST(OpenClGrid, HalvesVectorsAndUniformBranches) {
  NEEDS_OPENCL;
  std::vector<KernelCase> all;
  for (Kernel& k : kernels::more_grid_kernels()) all.push_back({std::move(k)});
  check_on_opencl(all);
}

TEST(OpenClGrid, RandomKernels) {
  NEEDS_OPENCL;
  std::vector<KernelCase> all;
  for (unsigned seed = 0; seed < 4; ++seed) all.push_back({kernels::RandomGrid(seed).make()});
  check_on_opencl(all);
}

TEST(OpenClGrid, LanesMeetInLocalMemory) {
  EXPECT_EQ(text_of(kernels::row_sum(64, 40).kernel), R"(// row sum by 40
kernel __attribute__((reqd_work_group_size(64, 1, 1))) void lilith_0_0(global char* b0_base, i64 b0_at, global char* b1_base, i64 b1_at) {
  const global u32* b0 = (const global u32*)(b0_base + b0_at);
  global u32* b1 = (global u32*)(b1_base + b1_at);
  local u32 lanes_u32[64];
  const i32 thread = (i32)get_local_id(0);
  const i32 x0 = (i32)get_group_id(0);
  f32 r0 = 0.0f;
  f32 p0 = (-0.0f);
  if (thread < 40) {
    const i32 x1 = thread;
    for (i32 x2 = 0; x2 < 8; ++x2) {
      const bool t0 = (x1 + (x2 * 40)) < 300;
      const i32 t1 = x2 * 40;
      const f32 t2 = t0 ? f32_bits(b0[((x0 * 300) + x1) + t1]) : 0.0f;
      if (t0) p0 = p0 + t2;
    }
  }
  lanes_u32[thread] = bits_f32(p0);
  for (i32 s = 1; s < 40; s *= 2) {
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    if (thread % (2 * s) == 0 && thread + s < 40)
      lanes_u32[thread] = bits_f32(f32_bits(lanes_u32[thread]) + f32_bits(lanes_u32[thread + s]));
  }
  barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
  r0 = r0 + f32_bits(lanes_u32[0]);
  barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
  if (thread < 1) {
    const i32 x3 = thread;
    b1[x0] = bits_f32(r0);
  }
}
)");
}

TEST(OpenClGrid, AVectorLoopIsOneAccess) {
  const std::string text = text_of(kernels::vector_add().kernel);
  EXPECT_EQ(text.substr(text.find("    const i32 x1 = thread;")), R"(    const i32 x1 = thread;
    {
      u32 v0[4] = {0};
      {
        const i32 x2 = 0;
        const bool t0 = ((x0 * 128) + x1) < 250;
        if (t0) load4(v0, b0 + ((x0 * 512) + (x1 * 4)) + x2);
      }
      u32 v1[4] = {0};
      {
        const i32 x2 = 0;
        const bool t1 = ((x0 * 128) + x1) < 250;
        if (t1) load4(v1, b1 + ((x0 * 512) + (x1 * 4)) + x2);
      }
      u32 w2[4];
      #pragma unroll
      for (i32 x2 = 0; x2 < 4; ++x2) {
        const bool t2 = ((x0 * 128) + x1) < 250;
        const f32 t3 = f32_bits(v1[x2]);
        const f32 t4 = f32_bits(v0[x2]);
        if (t2) w2[x2] = bits_f32(t3 + t4);
      }
      {
        const i32 x2 = 0;
        const bool t5 = ((x0 * 128) + x1) < 250;
        if (t5) store4(b2 + ((x0 * 512) + (x1 * 4)) + x2, w2);
      }
    }
  }
}
)");
}

TEST(OpenClGrid, AccessesOfOtherFormsAreSingle) {
  const std::string text = text_of(kernels::vectors_in_parts());
  for (const char* access : {"store4(b2", "store4(b3", "store4(b4"})
    EXPECT_EQ(text.find(access), std::string::npos) << access << "\n" << text;
  EXPECT_NE(text.find("store4(b1"), std::string::npos) << text;
}

TEST(OpenClGrid, WhatADeviceCannotHoldIsRefused) {
  NEEDS_OPENCL;
  runtime::opencl::Device& device = runtime::opencl::device(0);
  const auto bytes = static_cast<std::int64_t>(device.info().local_bytes);
  for (const std::int64_t more : {0, 4}) {
    kernels::Builder b("large");
    b.k.threads = 4;
    const BufferId y = b.out(DType::F32, 4);
    const BufferId tile = kernels::shared(b, DType::F32, bytes / 16 * 4 + more);
    const Expr t = b.p.var(4, "t"), block = b.p.var(1, "block");
    b.k.body = {
        kernels::grid(block, {kernels::thread(t, {Store{tile, t, b.f(1), {}}}), Barrier{},
                              kernels::thread(t, {Store{y, t, b.load(tile, b.n(3) - t), {}}})})};
    const Kernel* list[] = {&b.k};
    EXPECT_EQ(error_text([&] { opencl::CompiledKernels(list, device); }),
              more == 0 ? "no error"
                        : fmt::format("codegen: kernel large takes {} bytes of local memory, {} "
                                      "has {}",
                                      bytes / 16 * 16 + 16, device.name(), bytes));
  }
}

}  // namespace
}  // namespace lilith::codegen::testing
