// The CUDA runtime on the fake driver: devices, memory, modules, launches and graphs, and what they
// say when they fail. Also what the fake itself promises: it finds the mistakes that it is there
// for.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <set>
#include <thread>

#include "runtime/cuda/graph.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/uploads.h"
#include "support/expect_error.h"
#include "support/fake_cuda.h"

namespace lilith::runtime::cuda {
namespace {

using lilith::testing::error_text;
using lilith::testing::FakeCuda;

template <class T>
std::unique_ptr<Buffer> upload(const std::vector<T>& values) {
  auto b = device(0).allocate(values.size() * sizeof(T));
  device(0).write(*b, 0, values.data(), b->bytes());
  return b;
}
template <class T>
std::vector<T> download(const Buffer& b) {
  std::vector<T> out(b.bytes() / sizeof(T));
  device(0).read(b, 0, out.data(), b.bytes());
  return out;
}

TEST(CudaRuntime, DevicesDescribeThemselves) {
  ASSERT_EQ(devices().size(), 1u);
  const DeviceInfo& d = devices()[0];
  EXPECT_EQ(d.name, "Fake GPU 0");
  EXPECT_EQ(d.architecture(), 90);
  EXPECT_EQ(d.multiprocessors, 4);
  EXPECT_EQ(d.max_threads, 1024);
  EXPECT_EQ(d.shared_bytes, 48u << 10);
  EXPECT_EQ(d.global_bytes, 1u << 30);
  EXPECT_EQ(device(0).name(), "cuda:0 (Fake GPU 0)");
  EXPECT_EQ(&device(0), &device(0));
  EXPECT_EQ(why_none(), "");
  EXPECT_EQ(error_text([] { device(1); }), "cuda(1): there is no such device; there are 1");
  EXPECT_EQ(description(lilith::cuda(0)), "Fake GPU 0 (4 SMs, 1.0 GiB, compute capability 9.0)");
  EXPECT_EQ(best_available_device(), lilith::cuda(0));
}

TEST(CudaRuntime, MemoryIsWrittenReadAndCopiedAtOffsets) {
  Device& d = device(0);
  std::vector<int> host(100);
  std::iota(host.begin(), host.end(), 0);
  const std::size_t held = d.held_bytes();
  {
    const auto a = upload(host), b = upload(std::vector<int>(100, -1));
    EXPECT_EQ(d.held_bytes(), held + 800);
    d.copy(*a, 40, *b, 8, 20);
    d.write(*b, 200, host.data() + 1, 4);
    std::vector<int> want(100, -1);
    for (int i = 0; i < 5; ++i) want[static_cast<std::size_t>(2 + i)] = 10 + i;
    want[50] = 1;
    EXPECT_EQ(download<int>(*b), want);
    const auto none = d.allocate(0);
    d.write(*none, 0, nullptr, 0);
    d.read(*none, 0, nullptr, 0);
    d.copy(*none, 0, *a, 400, 0);
  }
  EXPECT_EQ(d.held_bytes(), held);
}

// Values pass through pinned memory in pieces, and the caller's may be changed at once, though the
// device copies late.
TEST(CudaRuntime, WrittenValuesAreThoseOfTheCall) {
  std::vector<int> host(Staging::kPieceBytes * (Staging::kPieces + 2) / sizeof(int) + 3);
  std::iota(host.begin(), host.end(), 0);
  const std::vector<int> want = host;
  const auto b = device(0).allocate(host.size() * sizeof(int));
  device(0).write(*b, 0, host.data(), b->bytes());
  std::ranges::fill(host, -1);
  EXPECT_EQ(download<int>(*b), want);
}

TEST(CudaRuntime, WhatLiesOutsideOfABlockIsRefused) {
  Device& d = device(0);
  const auto b = d.allocate(16);
  char host[32] = {};
  EXPECT_THROW(d.write(*b, 8, host, 9), InternalError);
  EXPECT_THROW(d.read(*b, 17, host, 0), InternalError);
  EXPECT_THROW(d.copy(*b, 0, *b, 16, 1), InternalError);
}

TEST(CudaRuntime, OutOfMemorySaysWhoHoldsWhat) {
  const auto b = device(0).allocate(std::size_t{300} << 20);
  const std::string text = error_text([] { device(0).allocate(std::size_t{800} << 20); });
  EXPECT_TRUE(text.starts_with("cuda: out of memory on cuda:0 (Fake GPU 0): 800.0 MiB asked for; "))
      << text;
  EXPECT_NE(text.find(" of 1.0 GiB (cuMemAlloc)"), text.npos) << text;
}

// ---- Kernels ----

constexpr const char* kText = R"(
extern "C" __global__ void scale(char* x, long long x_at, char* y, long long y_at, long long n) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) ((float*)(y + y_at))[i] = 2.0f * ((const float*)(x + x_at))[i];
}
extern "C" __global__ void increase(char* x, long long x_at) {
  float* at = (float*)(x + x_at) + threadIdx.x;
  *at = *at + 1.0f;
}
extern "C" __global__ void __launch_bounds__(64) row_sum(char* x, long long x_at) {
  __shared__ float warps[2];
  float* row = (float*)(x + x_at);
  float sum = row[threadIdx.x];
  for (int by = 1; by < 32; by *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
  __syncthreads();
  row[threadIdx.x] = warps[0] + warps[1];
}
extern "C" __global__ void stuck(char* x, long long x_at) {
  if (threadIdx.x == 0) __syncthreads();
}
)";

struct Kernels {
  std::shared_ptr<const Module> module = device(0).load(image_for(kText, target_for(90)));
  Launch launch(const char* name, unsigned blocks, unsigned threads,
                std::vector<std::uint64_t> words) const {
    return {module->function(name), blocks, threads, std::move(words)};
  }
};

TEST(CudaRuntime, KernelsTakePlacesAndNumbers) {
  const Kernels k;
  const auto x = upload(std::vector<float>{9, 1, 2, 3}), y = upload(std::vector<float>(5, 0));
  device(0).launch(k.launch("scale", 2, 2, {x->address(), 4, y->address(), 4, 3}));
  EXPECT_EQ(download<float>(*y), (std::vector<float>{0, 2, 4, 6, 0}));
}

TEST(CudaRuntime, ThreadsMeetAtBarriersAndShuffles) {
  const Kernels k;
  std::vector<float> row(64);
  std::iota(row.begin(), row.end(), 0.f);
  const auto x = upload(row);
  device(0).launch(k.launch("row_sum", 1, 64, {x->address(), 0}));
  EXPECT_EQ(download<float>(*x), std::vector<float>(64, 2016));
  EXPECT_THROW(device(0).launch(k.launch("row_sum", 1, 128, {x->address(), 0})), DeviceError);
}

TEST(CudaRuntime, ALaunchThatFailsIsTold) {
  const Kernels k;
  const auto x = upload(std::vector<float>(4, 0));
  const Launch l = k.launch("increase", 1, 4, {x->address(), 0});
  FakeCuda::set("fail_next", 701);
  EXPECT_EQ(error_text([&] { device(0).launch(l); }),
            "cuda: cuLaunchKernel failed on cuda:0 (Fake GPU 0): error 701");
  memory_stats(lilith::cuda(0));  // whose free blocks are given back where a call has no room
  FakeCuda::set("fail_next", 2);
  device(0).launch(l);
  EXPECT_EQ(download<float>(*x), std::vector<float>(4, 1));
}

TEST(CudaRuntime, LaunchesAreTimed) {
  const Kernels k;
  const auto x = upload(std::vector<float>(4, 0));
  const Launch l = k.launch("increase", 1, 4, {x->address(), 0});
  const std::vector<double> ms = device(0).time(3, [&](std::size_t) { device(0).launch(l); });
  EXPECT_EQ(ms.size(), 3u);
  for (const double t : ms) EXPECT_GE(t, 0);
  EXPECT_EQ(download<float>(*x), std::vector<float>(4, 3));
}

// x + 1, then twice that: with its edge a graph gives 2 (x + 1), whatever order the driver takes.
TEST(CudaRuntime, AGraphKeepsItsEdges) {
  const Kernels k;
  const auto x = upload(std::vector<float>(4, 0)), y = upload(std::vector<float>(4, 0));
  const std::vector<Launch> launches = {
      k.launch("increase", 1, 4, {x->address(), 0}),
      k.launch("scale", 1, 4, {x->address(), 0, y->address(), 0, 4})};
  Graph graph(device(0), launches, std::vector<std::vector<int>>{{}, {0}});
  for (int run = 1; run <= 20; ++run) {
    graph.run(launches);
    EXPECT_EQ(download<float>(*y), std::vector<float>(4, 2.f * static_cast<float>(run)));
  }
}

TEST(CudaRuntime, AMissingEdgeIsFound) {
  const Kernels k;
  const auto x = upload(std::vector<float>(4, 0)), y = upload(std::vector<float>(4, 0));
  const std::vector<Launch> launches = {
      k.launch("increase", 1, 4, {x->address(), 0}),
      k.launch("scale", 1, 4, {x->address(), 0, y->address(), 0, 4})};
  Graph graph(device(0), launches, std::vector<std::vector<int>>{{}, {}});
  int wrong = 0;
  for (int run = 1; run <= 20; ++run) {
    graph.run(launches);
    wrong += download<float>(*y)[0] != 2.f * static_cast<float>(run);
  }
  EXPECT_GT(wrong, 2);
}

TEST(CudaRuntime, OnlyChangedNodesAreTold) {
  const Kernels k;
  const auto x = upload(std::vector<float>(4, 0)), y = upload(std::vector<float>(4, 0));
  const auto z = upload(std::vector<float>(4, 7));
  std::vector<Launch> launches = {k.launch("increase", 1, 4, {x->address(), 0}),
                                  k.launch("scale", 1, 4, {x->address(), 0, y->address(), 0, 4})};
  Graph graph(device(0), launches, std::vector<std::vector<int>>{{}, {0}});
  const auto told = [] { return FakeCuda::calls("cuGraphExecKernelNodeSetParams"); };
  const long before = told();
  graph.run(launches);
  graph.run(launches);
  EXPECT_EQ(told(), before);
  launches[1].words[2] = z->address();
  graph.run(launches);  // what was enqueued before keeps its words
  EXPECT_EQ(told(), before + 1);
  EXPECT_EQ(download<float>(*z), std::vector<float>(4, 6));
  EXPECT_EQ(download<float>(*y), std::vector<float>(4, 4));
}

// ---- What is written beside the launches ----

TEST(CudaRuntime, UploadsTakeTurnsOfTwoBlocks) {
  const Kernels k;
  const std::size_t bytes = 64 << 10;
  Uploads uploads(device(0));
  std::unique_ptr<Buffer> block = device(0).allocate(bytes);
  const auto y = upload(std::vector<float>(4, 0));
  std::set<Address> places;
  for (int run = 0; run < 40; ++run) {
    const std::vector<float> batch(bytes / sizeof(float), static_cast<float>(run));
    const bool beside = uploads.fill(block, batch.data(), bytes);
    EXPECT_EQ(beside, run >= 2);
    if (!beside) device(0).write(*block, 0, batch.data(), bytes);
    places.insert(block->address());
    device(0).launch(k.launch("scale", 1, 4, {block->address(), 0, y->address(), 0, 4}));
    if (run % 3 == 0) {
      EXPECT_EQ(download<float>(*y), std::vector<float>(4, 2.f * static_cast<float>(run)));
    }
  }
  EXPECT_EQ(places.size(), 2u);
  EXPECT_EQ(uploads.spare_bytes(), bytes);
  EXPECT_EQ(uploads.release(), bytes);
  std::unique_ptr<Buffer> small = device(0).allocate(64);
  for (int run = 0; run < 5; ++run) EXPECT_FALSE(uploads.fill(small, "a few bytes", 12));
}

// A block that is written beside the launch that reads it: the mark was set too early.
TEST(CudaRuntime, TheFakeFindsAWriteThatWaitsForTooLittle) {
  const Kernels k;
  const auto x = upload(std::vector<float>(4, 1)), y = upload(std::vector<float>(4, 0));
  int wrong = 0;
  for (int run = 0; run < 100; ++run) {
    const std::vector<float> ones(4, 1), twos(4, 2);
    device(0).write(*x, 0, ones.data(), 16);
    const Mark early(device(0));
    device(0).launch(k.launch("scale", 1, 4, {x->address(), 0, y->address(), 0, 4}));
    device(0).write_beside(*x, twos.data(), 16, early);
    wrong += download<float>(*y)[0] != 2;
    EXPECT_EQ(download<float>(*x), twos);
  }
  EXPECT_GT(wrong, 2);
}

TEST(CudaRuntime, ThreadsShareADevice) {
  const Kernels k;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&k, t] {
      const auto x = upload(std::vector<float>(4, static_cast<float>(t)));
      for (int i = 0; i < 50; ++i) device(0).launch(k.launch("increase", 1, 4, {x->address(), 0}));
      EXPECT_EQ(download<float>(*x), std::vector<float>(4, 50.f + static_cast<float>(t)));
    });
  }
  for (std::thread& t : threads) t.join();
}

TEST(CudaRuntime, TheCompilersWordsAreInTheError) {
  const std::string text =
      error_text([] { image_for("extern \"C\" __global__ void k() { none(); }", target_for(90)); });
  EXPECT_NE(text.find("cuda: nvrtcCompileProgram failed for sm_90: NVRTC_ERROR_COMPILATION"),
            text.npos);
  EXPECT_NE(text.find("none"), text.npos) << text;
}

// A device newer than the compiler gets PTX of the newest one that the compiler knows.
TEST(CudaRuntime, TargetsFollowTheCompiler) {
  EXPECT_EQ(target_for(80), "sm_80");
  EXPECT_EQ(target_for(90), "sm_90");
  EXPECT_EQ(target_for(121), "compute_120");
  EXPECT_EQ(target_for(87), "compute_86");
  EXPECT_EQ(error_text([] { static_cast<void>(target_for(70)); }),
            "cuda: NVRTC 13.0 makes no code for sm_70, the oldest it knows is sm_75");
  EXPECT_TRUE(image_for(kText, "compute_86").starts_with("FAKE PTX 86 "));
  EXPECT_NE(device(0).load(image_for(kText, "compute_86"))->function("scale"), nullptr);
  EXPECT_NE(error_text([] {
              device(0).load(image_for(kText, "sm_80"));
            }).find("does not take the compiler's code: CUDA_ERROR_NO_BINARY_FOR_GPU (209)"),
            std::string::npos);
}

}  // namespace
}  // namespace lilith::runtime::cuda
