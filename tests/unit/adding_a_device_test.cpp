// docs/adding-a-device.md, followed to the letter: a device whose processor is the interpreter of
// kernel IR.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "core/device_kinds.h"
#include "eval/launcher.h"
#include "lilith/compile.h"
#include "lilith/devices.h"
#include "lilith/model.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "runtime/device_memory.h"
#include "schedule/target.h"

namespace lilith {
namespace {

bool plugged_in = false;  // other tests have a machine without it
bool is_fast = false;
int most_threads = 0;  // of a block that it runs, if it is a GPU; 0: it is none
int attempts = 0;      // launchers that were asked for

Device toy() { return parse_device("toy:0"); }

/// Memory that the host does not reach by its address.
struct ToyStorage final : Storage {
  ToyStorage(runtime::DeviceMemory& of, Device where, std::size_t bytes)
      : Storage(of, where, bytes), content(bytes) {}
  mutable std::vector<char> content;
};
char* bytes_of(const Storage& s) { return static_cast<const ToyStorage&>(s).content.data(); }

struct ToyMemory final : runtime::DeviceMemory {
  StoragePtr allocate(std::size_t bytes) override {
    used.peak_bytes =
        std::max(used.peak_bytes, used.live_bytes += static_cast<std::int64_t>(bytes));
    return {new ToyStorage(*this, toy(), bytes), [this](Storage* s) {
              used.live_bytes -= static_cast<std::int64_t>(s->bytes());
              delete s;
            }};
  }
  void write(Storage& to, std::size_t offset, const void* from, std::size_t bytes) override {
    std::memcpy(bytes_of(to) + offset, from, bytes);
  }
  void read(const Storage& from, std::size_t offset, void* to, std::size_t bytes) override {
    std::memcpy(to, bytes_of(from) + offset, bytes);
  }
  void copy(const Storage& from, Storage& to, std::size_t bytes) override {
    std::memcpy(bytes_of(to), bytes_of(from), bytes);
  }
  MemoryStats stats() override { return used; }
  void reset_peak() override { used.peak_bytes = used.live_bytes; }
  void release_cached() override {}
  std::int64_t limit_bytes() override { return 1 << 20; }
  MemoryStats used;
};

/// Runs the kernels of a plan, one after another.
struct ToyLauncher final : Launcher {
  explicit ToyLauncher(const schedule::Plan& p) : plan(p) {}

  void run(Instance& instance) const override {
    run_in_steps(instance, [](std::size_t) {});
  }
  void run_in_steps(Instance& instance,
                    const std::function<void(std::size_t)>& after) const override {
    for (std::size_t k = 0; k < plan.launches.size(); ++k) {
      const schedule::LaunchPlan& launch = plan.launches[k];
      std::vector<std::vector<char>> copies;
      std::vector<void*> params;
      for (const int b : launch.buffers) {
        const Place& at = instance.buffers[static_cast<std::size_t>(b)];
        const char* from = bytes_of(*at.storage) + at.offset;
        // An output may lie where an input does: each element is read before it is written.
        copies.emplace_back(from, from + plan.buffers[static_cast<std::size_t>(b)].bytes);
        params.push_back(copies.back().data());
      }
      kir::interpret(launch.kernel, params);
      for (std::size_t p = 0; p < params.size(); ++p) {
        const Place& at = instance.buffers[static_cast<std::size_t>(launch.buffers[p])];
        if (std::ranges::count(launch.written, launch.buffers[p]) > 0)
          std::memcpy(bytes_of(*at.storage) + at.offset, params[p], copies[p].size());
      }
      after(k);
    }
  }
  std::vector<double> run_timed(Instance& instance) const override {
    run(instance);
    return std::vector<double>(plan.launches.size(), 1);
  }

  const schedule::Plan plan;  // with the kernels: the program lets go of its own
};

runtime::DeviceMemory& toy_memory(int) {
  static ToyMemory memory;
  return memory;
}

const Device::Kind kToy = register_device_kind(
    {.name = "toy",
     .count = [] { return plugged_in ? 1 : 0; },
     .why_none = [] { return std::string("it is not plugged in"); },
     .describe = [](int) { return std::string("an interpreter"); },
     .is_accelerator = [](int) { return is_fast; },
     .memory = toy_memory,
     .target =
         [](int) {
           schedule::Target t;
           if (most_threads > 0) t.gpu = schedule::GpuTarget{.threads = 256};
           return t;
         },
     .launcher = [](const schedule::Plan& plan, int) -> std::unique_ptr<Launcher> {
       ++attempts;
       for (const schedule::LaunchPlan& l : plan.launches)
         if (l.kernel.threads > most_threads)
           throw TooLarge(fmt::format("toy: {} threads do not fit", l.kernel.threads), Loc());
       return std::make_unique<ToyLauncher>(plan);
     }});

struct AddingADevice : ::testing::Test {
  AddingADevice() { plugged_in = true; }
  ~AddingADevice() override {
    plugged_in = false;
    most_threads = 0;
  }
};

TEST_F(AddingADevice, IsListedAndNamed) {
  EXPECT_EQ(toy().kind, kToy);
  EXPECT_EQ(toy().str(), "toy:0");
  EXPECT_EQ(description(toy()), "an interpreter");
  EXPECT_NE(std::ranges::count(devices(), toy()), 0);
  EXPECT_NE(best_available_device(), toy());
  const bool has_other = best_available_device() != cpu();
  is_fast = true;
  EXPECT_TRUE(has_other || best_available_device() == toy());
  is_fast = false;
  plugged_in = false;
  EXPECT_THROW(toy(), DeviceError);
  EXPECT_EQ(device_kinds().back().why_none, "it is not plugged in");
}

TEST_F(AddingADevice, TrainsAModel) {
  const auto train = [](Device device) {
    manual_seed(5);
    Linear net = to(device, Linear(4, 3));
    Adam opt({.lr = 0.1});
    const Tensor x = sin(arange(20).to(kFloat32)).reshape({5, 4}).to(device);
    std::vector<float> losses;
    for (int i = 0; i < 4; ++i) {
      auto [loss, g] = grad([&](const Linear& m) { return softmax(m(x), 1).pow(2).mean(); }, net);
      update(opt, net, std::move(g));
      losses.push_back(loss.item<float>());
    }
    EXPECT_EQ(net.weight.device(), device);
    return losses;
  };
  const std::vector<float> here = train(cpu()), there = train(toy());
  for (std::size_t k = 0; k < here.size(); ++k) EXPECT_NEAR(here[k], there[k], 1e-6);
}

// What a kernel gets of a block is known when it is compiled: the plan is made anew until it fits.
TEST_F(AddingADevice, KernelsThatAreTooLargeAreMadeSmaller) {
  const Tensor x = sin(arange(2000).to(kFloat32)).reshape({20, 100});
  const std::vector<float> want = (softmax(x, 1) + x.sum(0)).to_vector<float>();
  for (const auto& [most, tries] : {std::pair{256, 1}, {128, 2}, {40, 4}, {8, 5}}) {
    clear_program_cache();
    most_threads = most;
    const Tensor there = x.to(toy());
    attempts = 0;
    const std::vector<float> got = (softmax(there, 1) + there.sum(0)).to_vector<float>();
    EXPECT_EQ(attempts, tries) << most;
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t k = 0; k < want.size(); ++k) ASSERT_NEAR(got[k], want[k], 1e-4);
  }
  clear_program_cache();
}

TEST_F(AddingADevice, OutOfMemoryIsSaid) {
  const Tensor x = rand({1 << 17}, {.device = toy()});
  eval(x);
  try {
    eval(x + 1, x * 2);
    FAIL();
  } catch (const DeviceError& e) {
    EXPECT_NE(std::string(e.what()).find("toy:0 grants"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace lilith
