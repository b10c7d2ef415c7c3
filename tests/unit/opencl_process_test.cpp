// What a process does around OpenCL: it forks, it ends, it finds no driver. Each case runs in a
// process of its own, which the test starts from this very program.
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "lilith/error.h"
#include "support/opencl.h"
#include "support/own_process.h"

// What drivers do not give back at the end is theirs.
#if defined(__SANITIZE_ADDRESS__)
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libpocl\nleak:libOpenCL\nleak:lilith::ir::(anonymous namespace)::fork_hooks\n";
}
#endif

namespace lilith::runtime::opencl {
namespace {

using namespace lilith::testing;

Ended run_case(const std::string& name, const std::string& environment = "") {
  return lilith::testing::run_case("OpenClCase", name, environment);
}

constexpr const char* kSlow = R"(
kernel void slow(global char* x, long at, int rounds) {
  float v = 1;
  for (int i = 0; i < rounds; ++i) v = v * 0.999f + 0.25f;
  ((global float*)(x + at))[get_global_id(0)] = v;
}
)";

struct Work {
  std::shared_ptr<const Program> program = device(0).build(kSlow, "");
  Kernel kernel{program, "slow"};
  std::unique_ptr<Buffer> memory = device(0).allocate(4096);
  void start(int rounds) {
    const Arg args[] = {Place{memory.get()}, rounds};
    device(0).launch(kernel, 64, 1, args);
  }
  void wait() {
    float v;
    device(0).read(*memory, 0, &v, 4);
  }
};

/// The child's exit status is 0 when `f` throws an Error that speaks of the fork.
int refused_in_child(void (*f)()) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    try {
      f();
    } catch (const DeviceError& e) {
      _exit(std::string(e.what()).find("was forked from one that had used OpenCL") ==
            std::string::npos);
    }
    _exit(2);
  }
  return exit_status(child);
}

TEST(OpenClCase, DISABLED_ForkAfterUse) {
  static Work* work = new Work;
  work->start(1000);
  EXPECT_EQ(refused_in_child([] { work->wait(); }), 0);
  EXPECT_EQ(refused_in_child([] { work->start(1); }), 0);
  EXPECT_EQ(refused_in_child([] { device(0).finish(); }), 0);
  EXPECT_EQ(refused_in_child([] { static_cast<void>(device(0)); }), 0);
  EXPECT_EQ(refused_in_child([] { static_cast<void>(device(0).allocate(8)); }), 0);
  const pid_t child = fork();  // it may let go of everything, and end
  if (child == 0) {
    alarm(20);
    delete work;
    std::exit(devices().empty() ? 1 : 0);
  }
  EXPECT_EQ(exit_status(child), 0);
  work->start(10);
  work->wait();  // the parent's devices are as they were
}

TEST(OpenClCase, DISABLED_ForkBeforeUse) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(50);
    Work().wait();
    _exit(0);
  }
  EXPECT_EQ(exit_status(child), 0);
  Work().wait();
}

TEST(OpenClCase, DISABLED_ForkWhileOthersCompute) {
  Work work;
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      work.start(10);
      work.wait();
    }
  });
  int failed = 0;
  for (int i = 0; i < 10; ++i) failed += refused_in_child([] { device(0).finish(); }) != 0;
  done = true;
  other.join();
  EXPECT_EQ(failed, 0);
}

// Made before the first use of OpenCL, so destroyed after what its driver made.
struct Early {
  std::unique_ptr<Work> work;
  ~Early() {
    work.reset();
    try {
      device(0).finish();
    } catch (const DeviceError& e) {
      std::fputs(e.what(), stdout);
      std::fflush(stdout);
    }
  }
};

TEST(OpenClCase, DISABLED_EndWithStatics) {
  static Early early;
  early.work = std::make_unique<Work>();
  early.work->start(20'000'000);  // still running when the process ends
  static const std::unique_ptr<Work> late = std::make_unique<Work>();
  late->start(10);
  std::thread([] {
    for (;;) {
      try {
        Work().start(10);
      } catch (const DeviceError&) {
        for (;;) pause();  // the process has ended
      }
    }
  }).detach();
  usleep(200'000);
}

TEST(OpenClCase, DISABLED_SignalsStay) {
  constexpr std::array kSignals = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
  const auto handler = [](int) {};
  std::signal(SIGTERM, handler);
  const auto expect_own = [&] {
    for (const int signal : kSignals) {
      struct sigaction now = {};
      sigaction(signal, nullptr, &now);
      EXPECT_EQ(now.sa_handler, signal == SIGTERM ? handler : SIG_DFL) << signal;
    }
  };
  expect_own();
  Work work;  // lists devices, opens one, compiles
  expect_own();
  work.start(10);
  work.wait();
  expect_own();
}

TEST(OpenClCase, DISABLED_NoDriver) {
  std::printf("%zu devices: %s.\n", devices().size(), why_none().c_str());
  try {
    device(0);
  } catch (const DeviceError& e) {
    std::puts(e.what());
  }
}

TEST(OpenClProcess, AForkedChildIsToldInsteadOfHanging) {
  NEEDS_OPENCL;
  expect_success(run_case("ForkAfterUse"));
}
TEST(OpenClProcess, AChildForkedBeforeTheFirstUseHasDevices) {
  NEEDS_OPENCL;
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "SKIPPED: ThreadSanitizer ends a forked child that makes threads";
#endif
  expect_success(run_case("ForkBeforeUse"));
}
TEST(OpenClProcess, ForkWaitsForCallsOfOtherThreads) {
  NEEDS_OPENCL;
  expect_success(run_case("ForkWhileOthersCompute"));
}

TEST(OpenClProcess, EndsWithStaticsAndThreadsThatUseIt) {
  NEEDS_OPENCL;
  const Ended e = run_case("EndWithStatics");
  expect_success(e);
  EXPECT_NE(e.output.find("opencl: the process is ending, its devices are gone"), std::string::npos)
      << e.output;
}

TEST(OpenClProcess, TheSignalsThatEndItAreTheProgramsOwn) {
  NEEDS_OPENCL;
  expect_success(run_case("SignalsStay"));
}

TEST(OpenClProcess, WithoutADriverThereIsNoDevice) {
  NEEDS_OPENCL;
  const Ended e = run_case("NoDriver", "OCL_ICD_VENDORS=/nonexistent");
  expect_success(e);
  const std::string why = "no OpenCL driver is installed: the loader knows no platform";
  EXPECT_NE(e.output.find("0 devices: " + why + ".\n"), std::string::npos) << e.output;
  EXPECT_NE(e.output.find("opencl(0): there is no such device: " + why), std::string::npos)
      << e.output;
}

}  // namespace
}  // namespace lilith::runtime::opencl
