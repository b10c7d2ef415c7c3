// The OpenCL runtime: devices, memory, programs and launches, and what they say when they fail.
#include <cstring>
#include <numeric>
#include <thread>

#include "core/env.h"
#include "runtime/disk_cache.h"
#include "runtime/opencl/session.h"
#include "support/expect_error.h"
#include "support/opencl.h"
#include "support/temp_dir.h"

namespace lilith::runtime::opencl {
namespace {

using lilith::testing::error_text;

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
template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

TEST(OpenClRuntime, DevicesDescribeThemselves) {
  NEEDS_OPENCL;
  for (std::size_t i = 0; i < devices().size(); ++i) {
    const DeviceInfo& d = devices()[i];
    EXPECT_FALSE(d.name.empty());
    EXPECT_FALSE(d.vendor.empty());
    EXPECT_TRUE(d.version.starts_with("OpenCL ")) << d.version;
    EXPECT_GT(d.compute_units, 0);
    EXPECT_GE(d.max_group, 1u);
    EXPECT_GE(d.max_param_bytes, 256u);
    EXPECT_GE(d.global_bytes, d.max_allocation);
    EXPECT_EQ(device(static_cast<int>(i)).name(), fmt::format("opencl:{} ({})", i, d.name));
    EXPECT_EQ(&device(static_cast<int>(i)), &device(static_cast<int>(i)));
  }
  EXPECT_EQ(why_none(), "");
  const auto n = static_cast<int>(devices().size());
  EXPECT_EQ(error_text([&] { device(n); }),
            fmt::format("opencl({}): there is no such device; there are {}", n, n));
}

TEST(OpenClRuntime, MemoryIsWrittenReadCopiedAndFilledAtOffsets) {
  NEEDS_OPENCL;
  Device& d = device(0);
  std::vector<int> host(100);
  std::iota(host.begin(), host.end(), 0);
  const std::size_t held = d.held_bytes();
  {
    const auto a = upload(host), b = upload(std::vector<int>(100, -1));
    EXPECT_EQ(d.held_bytes(), held + 800);
    d.copy(*a, 40, *b, 8, 20);
    const int seven = 7;
    d.fill(*b, 100, 40, bytes_of(seven));
    d.fill(*b, 399, 1, bytes_of('\x05'));
    d.write(*b, 200, host.data() + 1, 4);
    std::vector<int> want(100, -1);
    for (int i = 0; i < 5; ++i) want[static_cast<std::size_t>(2 + i)] = 10 + i;
    for (std::size_t i = 25; i < 35; ++i) want[i] = 7;
    want[50] = 1;
    want[99] = 0x05FFFFFF;
    EXPECT_EQ(download<int>(*b), want);
    int part[2];
    d.read(*b, 12, part, 8);
    EXPECT_EQ(part[0], 11);
    EXPECT_EQ(part[1], 12);
    const auto none = d.allocate(0);
    d.write(*none, 0, nullptr, 0);
    d.read(*none, 0, nullptr, 0);
    d.copy(*none, 0, *a, 400, 0);
    d.fill(*none, 0, 0, bytes_of(seven));
  }
  EXPECT_EQ(d.held_bytes(), held);
}

TEST(OpenClRuntime, WhatLiesOutsideOfABlockIsRefused) {
  NEEDS_OPENCL;
  Device& d = device(0);
  const auto b = d.allocate(16);
  char host[32] = {};
  EXPECT_THROW(d.write(*b, 8, host, 9), InternalError);
  EXPECT_THROW(d.read(*b, 17, host, 0), InternalError);
  EXPECT_THROW(d.copy(*b, 0, *b, 16, 1), InternalError);
  EXPECT_THROW(d.fill(*b, 1, 4, bytes_of(1)), InternalError);
  EXPECT_THROW(d.fill(*b, 0, 16, std::as_bytes(std::span(host, 3))), InternalError);
}

constexpr const char* kAffine = R"(
kernel void affine(global char* x, long x_at, global char* y, long y_at, int n, long shift, float a) {
  const long i = get_global_id(0);
  if (i < n)
    ((global float*)(y + y_at))[i] = a * ((global const float*)(x + x_at))[i] + (float)shift;
}
)";

TEST(OpenClRuntime, KernelsTakePlacesAndScalars) {
  NEEDS_OPENCL;
  Device& d = device(0);
  Kernel affine(d.build(kAffine, "-cl-std=CL1.2"), "affine");
  EXPECT_GE(affine.max_group(), 1u);
  const auto x = upload(std::vector<float>{9, 9, 1, 2, 3}), y = upload(std::vector<float>(6, 0));
  const Arg args[] = {Place{x.get(), 8}, Place{y.get(), 4}, 3, std::int64_t{100}, 0.5f};
  d.launch(affine, 2, 2, args);
  EXPECT_EQ(download<float>(*y), (std::vector<float>{0, 100.5, 101, 101.5, 0, 0}));
  d.launch(affine, 0, 2, args);
  d.finish();
}

// What a driver compiled is found on disk; what it does not take is compiled again.
TEST(OpenClRuntime, ProgramsAreKeptOnDisk) {
  NEEDS_OPENCL;
  const lilith::testing::TempDir dir;
  const DiskCache cache(dir.file("cache"));
  env::set("LILITH_CACHE", cache.folder());
  Device& d = device(0);
  const auto runs = [&] {
    Kernel affine(d.build_kept(kAffine, "-cl-std=CL1.2"), "affine");
    const auto x = upload(std::vector<float>{1, 2, 3, 4}), y = upload(std::vector<float>(4, 0));
    const Arg args[] = {Place{x.get()}, Place{y.get()}, 4, std::int64_t{100}, 0.5f};
    d.launch(affine, 4, 1, args);
    return download<float>(*y) == std::vector<float>{100.5, 101, 101.5, 102};
  };
  EXPECT_TRUE(runs());
  ASSERT_EQ(cache.entries().size(), 1u);
  EXPECT_EQ(cache.entries()[0].kind, "opencl");
  const auto before = disk_cache_counts();
  EXPECT_TRUE(runs());
  EXPECT_EQ(disk_cache_counts().hits - before.hits, 1);
  EXPECT_EQ(disk_cache_counts().stored, before.stored);
  const DeviceInfo& i = d.info();
  const std::string key = i.platform + "\n" + i.name + "\n" + i.version + "\n" + i.driver +
                          "\n-cl-std=CL1.2\n" + kAffine;
  ASSERT_TRUE(cache.find("opencl", key));
  ASSERT_EQ(cache.store("opencl", key, "no binary of any driver"), "");
  EXPECT_TRUE(runs());
  EXPECT_EQ(disk_cache_counts().stored - before.stored, 1);
  EXPECT_THROW(d.build_kept("kernel void f() { syntax", ""), DeviceError);
  EXPECT_EQ(cache.entries().size(), 1u);
  env::set("LILITH_CACHE", "off");
}

TEST(OpenClRuntime, ThreadsShareAKernel) {
  NEEDS_OPENCL;
  Device& d = device(0);
  Kernel affine(d.build(kAffine, ""), "affine");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 50; ++round) {
        const auto x = upload(std::vector<float>(64, 1)), y = upload(std::vector<float>(64, 0));
        const Arg args[] = {Place{x.get()}, Place{y.get()}, 64, std::int64_t{t},
                            static_cast<float>(round)};
        d.launch(affine, 64, 1, args);
        for (const float v : download<float>(*y))
          wrong[static_cast<std::size_t>(t)] += v != static_cast<float>(round + t);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(OpenClRuntime, AFailedBuildShowsTheLog) {
  NEEDS_OPENCL;
  Device& d = device(0);
  const std::string text =
      error_text([&] { d.build("kernel void f(global int* x) { x[0] = missing_name; }", ""); });
  EXPECT_TRUE(text.starts_with("opencl: clBuildProgram failed on " + d.name() +
                               ": CL_BUILD_PROGRAM_FAILURE (-11); the compiler says:\n"))
      << text;
  EXPECT_NE(text.find("missing_name"), std::string::npos) << text;
  EXPECT_THROW(d.build("kernel void f() { syntax", ""), DeviceError);
  const auto good = d.build("kernel void f() {}", "");
  EXPECT_EQ(error_text([&] { Kernel(good, "g"); }),
            "opencl: clCreateKernel failed on " + d.name() + ": CL_INVALID_KERNEL_NAME (-46)");
}

TEST(OpenClRuntime, FailuresNameTheCallTheErrorAndTheDevice) {
  NEEDS_OPENCL;
  Device& d = device(0);
  Kernel affine(d.build(kAffine, ""), "affine");
  const auto x = d.allocate(16);
  const Arg too_many[] = {Place{x.get()}, Place{x.get()}, 1, std::int64_t{0}, 0.f, 0};
  EXPECT_EQ(error_text([&] { d.launch(affine, 1, 1, too_many); }),
            "opencl: clSetKernelArg failed on " + d.name() + ": CL_INVALID_ARG_INDEX (-49)");
  const Arg good[] = {Place{x.get()}, Place{x.get()}, 0, std::int64_t{0}, 0.f};
  EXPECT_EQ(error_text([&] { d.launch(affine, 1, d.info().max_group * 2, good); }),
            "opencl: clEnqueueNDRangeKernel failed on " + d.name() +
                ": CL_INVALID_WORK_GROUP_SIZE (-54)");
  EXPECT_EQ(error_name(-5), "CL_OUT_OF_RESOURCES (-5)");
  EXPECT_EQ(error_name(-12345), "error -12345");
}

TEST(OpenClRuntime, OutOfMemorySaysWhatIsAskedAndHeld) {
  NEEDS_OPENCL;
  Device& d = device(0);
  const auto held = d.allocate(3 << 20);
  const std::string one = error_text([&] { static_cast<void>(d.allocate(std::size_t{1} << 60)); });
  EXPECT_TRUE(
      one.starts_with("opencl: out of memory on " + d.name() + ": 1073741824.0 GiB asked for"))
      << one;
  EXPECT_NE(one.find("; 3.0 MiB held"), std::string::npos) << one;
  EXPECT_NE(one.find(" (clCreateBuffer: CL_"), std::string::npos) << one;
}

TEST(OpenClRuntime, WithoutALoaderThereIsNoDevice) {
  Api api;
  const Listing none = list_devices("libNoSuchOpenCL.so.1", &api);
  EXPECT_TRUE(none.devices.empty());
  EXPECT_TRUE(none.why_none.starts_with("there is no OpenCL loader: libNoSuchOpenCL.so.1: "))
      << none.why_none;
  const Listing other = list_devices("libm.so.6", &api);
  EXPECT_EQ(other.why_none,
            "the OpenCL loader libm.so.6 is older than OpenCL 1.2: it has no clGetPlatformIDs");
}

}  // namespace
}  // namespace lilith::runtime::opencl
