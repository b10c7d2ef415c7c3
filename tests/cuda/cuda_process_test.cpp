// What a process does around CUDA: it finds no driver or one too old, it forks, it ends, a kernel
// goes wrong. Each case runs in a process of its own, which the test starts from this very program.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <thread>

#include "runtime/cuda/device.h"
#include "runtime/cuda/nvrtc.h"
#include "support/expect_error.h"
#include "support/fake_cuda.h"
#include "support/own_process.h"
#include "support/project_root.h"

namespace lilith::runtime::cuda {
namespace {

using namespace lilith::testing;
using lilith::testing::error_text;

Ended run_case(const std::string& name, const std::string& environment = "") {
  return lilith::testing::run_case("CudaCase", name, environment);
}

// ---- What there is ----

TEST(CudaCase, DISABLED_List) {
  std::printf("%zu devices: %s.\n", devices().size(), why_none().c_str());
  std::printf("best is %s.\n", best_available_device().str().c_str());
  std::puts(error_text([] { device(9); }).c_str());
}

// A library's own file says that there is no driver: the variable is read where the process begins.
TEST(CudaCase, DISABLED_NoDriver) {
  env::set("LILITH_CUDA_DRIVER", "/nonexistent/libcuda.so.1");
  std::printf("%zu devices: %s.\n", devices().size(), why_none().c_str());
  std::puts(error_text([] { static_cast<void>(lilith::cuda(0)); }).c_str());
}
TEST(CudaCase, DISABLED_NoCompiler) {
  env::set("LILITH_NVRTC", "/nonexistent/libnvrtc.so.13");
  std::printf("%zu devices: %s.\n", devices().size(), why_none().c_str());
}
TEST(CudaCase, DISABLED_NotADriver) {
  env::set("LILITH_CUDA_DRIVER", fake_cuda_compiler());
  std::printf("%zu devices: %s.\n", devices().size(), why_none().c_str());
}

TEST(CudaProcess, WithoutADriverThereIsNoDevice) {
  const Ended e = run_case("NoDriver");
  expect_says(e,
              "0 devices: no NVIDIA driver is installed: /nonexistent/libcuda.so.1: cannot open");
  EXPECT_NE(e.output.find("cuda(0): there is no device cuda:0 (no NVIDIA driver is installed: "),
            std::string::npos)
      << e.output;
}
TEST(CudaProcess, WithoutACompilerThereIsNoDevice) {
  expect_says(run_case("NoCompiler"), "0 devices: CUDA's compiler is not installed: ");
}
TEST(CudaProcess, WhatIsNoDriverIsNamed) {
  expect_says(run_case("NotADriver"),
              "libfake_nvrtc.so is no driver of CUDA 12.0 or later: it has no cuInit.\n");
}
TEST(CudaProcess, ADriverThatIsTooOldIsTold) {
  expect_says(run_case("List", "FAKE_CUDA=version=11080"),
              "libfake_cuda.so is of CUDA 11.8; Lilith needs 12.0 or later.\nbest is cpu.\n");
}
TEST(CudaProcess, ADriverMayHaveNoDevice) {
  expect_says(run_case("List", "FAKE_CUDA=devices=0"), "0 devices: the driver finds no device.\n");
}
TEST(CudaProcess, ADeviceThatIsTooOldIsLeftOut) {
  expect_says(run_case("List", "FAKE_CUDA=capability=61"),
              "0 devices: device Fake GPU 0 has compute capability 6.1; Lilith needs 7.0 or later");
}
TEST(CudaProcess, SeveralDevicesAreListed) {
  expect_says(run_case("List", "FAKE_CUDA=devices=3"),
              "3 devices: .\nbest is cuda:0.\ncuda(9): there is no such device; there are 3\n");
}

// `lilith devices` on a machine with nothing, and with one or two CUDA devices.
TEST(CudaProcess, TheCommandListsDevices) {
  const std::string lilith = LILITH_PROGRAM " devices",
                    fake = "LILITH_CUDA_DRIVER=" + fake_cuda_driver() +
                           " LILITH_NVRTC=" + fake_cuda_compiler() + " ";
  const std::string here = "OCL_ICD_VENDORS=/nonexistent ";
  expect_says(run_command(here + "LILITH_CUDA_DRIVER=/none.so " + lilith),
              "  (best)\n"
              "cuda       none: no NVIDIA driver is installed: /none.so: cannot open shared object "
              "file: No such file or directory\n"
              "opencl     none: no OpenCL driver is installed: the loader knows no platform\n");
  expect_says(run_command(here + fake + "FAKE_CUDA=devices=2 " + lilith),
              "\ncuda:0     Fake GPU 0 (4 SMs, 1.0 GiB, compute capability 9.0)  (best)\n"
              "cuda:1     Fake GPU 1 (4 SMs, 1.0 GiB, compute capability 9.0)\n"
              "opencl     none: ");
}

// tools/device_check on a machine without the device, and with a driver but no time.
TEST(CudaProcess, DeviceCheckSaysWhatIsMissing) {
  const std::string program = LILITH_PROGRAM, build = program.substr(0, program.rfind("/bin/")),
                    check = std::string(project_root()) + "/tools/device_check --build " + build;
  const Ended none = run_command("OCL_ICD_VENDORS=/none LILITH_CUDA_DRIVER=/none.so " + check);
  EXPECT_EQ(WEXITSTATUS(none.status), 2) << none.output;
  EXPECT_NE(none.output.find("cuda       none: no NVIDIA driver is installed: /none.so: "),
            std::string::npos)
      << none.output;
  EXPECT_NE(none.output.find("device_check: there is no cuda:0 here: nothing can be said about it"),
            std::string::npos)
      << none.output;
  const Ended fake = run_command("LILITH_CUDA_DRIVER=" + fake_cuda_driver() +
                                 " LILITH_NVRTC=" + fake_cuda_compiler() + " " + check +
                                 " --skip ops parity losses --models vae --minutes 0.03");
  expect_says(fake, "cuda:0: Fake GPU 0 (4 SMs, 1.0 GiB, compute capability 9.0)");
  expect_says(fake, "all that was run is right\nleft out: vae: lilith\n");
}

// ---- Forks and ends ----

constexpr const char* kText = R"(
extern "C" __global__ void increase(char* x, long long x_at) {
  float* at = (float*)(x + x_at) + threadIdx.x;
  *at = *at + 1.0f;
}
extern "C" __global__ void stuck(char* x, long long x_at) {
  if (threadIdx.x == 0) __syncthreads();
}
)";

struct Work {
  std::shared_ptr<const Module> module = device(0).load(image_for(kText, target_for(90)));
  std::unique_ptr<Buffer> memory = device(0).allocate(64);
  void start(const char* name = "increase", Address at = 0) {
    device(0).launch({module->function(name), 1, 4, {at ? at : memory->address(), 0}});
  }
  void wait() {
    float v;
    device(0).read(*memory, 0, &v, 4);
  }
};

TEST(CudaCase, DISABLED_ForkAfterUse) {
  static Work* work = new Work;
  work->start();
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const auto refused = [](auto f) {
      return error_text(f).find("was forked from one that had used CUDA") != std::string::npos;
    };
    const bool all = refused([] { work->wait(); }) && refused([] { work->start(); }) &&
                     refused([] { static_cast<void>(device(0)); }) &&
                     refused([] { static_cast<void>(device(0).allocate(8)); });
    delete work;  // it may let go of everything, and end
    std::exit(all ? 0 : 1);
  }
  EXPECT_EQ(exit_status(child), 0);
  work->start();
  work->wait();  // the parent's device is as it was
}

TEST(CudaCase, DISABLED_ForkBeforeUse) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(50);
    Work().wait();
    _exit(0);
  }
  EXPECT_EQ(exit_status(child), 0);
  Work().wait();
}

// Made before the first use of CUDA, so destroyed after its driver was left alone.
struct Early {
  std::unique_ptr<Work> work;
  ~Early() {
    work.reset();
    std::puts(error_text([] { device(0).finish(); }).c_str());
    std::fflush(stdout);
  }
};

TEST(CudaCase, DISABLED_EndWithStatics) {
  static Early early;
  early.work = std::make_unique<Work>();
  early.work->start();
}

TEST(CudaProcess, AForkedChildIsToldInsteadOfHanging) { expect_success(run_case("ForkAfterUse")); }
TEST(CudaProcess, AChildForkedBeforeTheFirstUseHasDevices) {
  expect_success(run_case("ForkBeforeUse"));
}
TEST(CudaProcess, EndsWithStaticsThatUseIt) {
  expect_says(run_case("EndWithStatics"), "cuda: the process is ending, its devices are gone");
}

// ---- What a kernel does wrong ----

TEST(CudaCase, DISABLED_WildPointer) {
  Work work;
  work.start("increase", 4096);
  std::puts(error_text([&] { work.wait(); }).c_str());
  std::puts(error_text([&] { work.start(); }).c_str());
}
TEST(CudaCase, DISABLED_FreedMemory) {
  Work work;
  const Address at = work.memory->address();
  work.memory = device(0).allocate(64);
  work.start("increase", at);
  std::puts(error_text([&] { work.wait(); }).c_str());
}
TEST(CudaCase, DISABLED_Stuck) {
  Work work;
  work.start("stuck");
  std::puts(error_text([&] { work.wait(); }).c_str());
}
TEST(CudaCase, DISABLED_HostDereference) {
  Work work;
  std::printf("%f", *reinterpret_cast<float*>(work.memory->address()));
}

TEST(CudaProcess, WhatAKernelDidWrongIsToldByALaterCall) {
  for (const char* name : {"WildPointer", "FreedMemory"}) {
    expect_says(
        run_case(name),
        " failed on cuda:0 (Fake GPU 0): CUDA_ERROR_ILLEGAL_ADDRESS (700): of the fake driver; "
        "the device's context is lost: start the program anew");
  }
}
TEST(CudaProcess, TheFakeFindsThreadsThatWaitForEver) {
  expect_says(run_case("Stuck"), "stuck: threads of a block wait for each other:");
}
TEST(CudaProcess, TheFakeFindsAHostThatReadsTheDevice) {
  EXPECT_NE(run_case("HostDereference").status, 0);
}

}  // namespace
}  // namespace lilith::runtime::cuda
