#include <algorithm>
#include <bit>
#include <chrono>
#include <mutex>
#include <utility>

#include "codegen/opencl/compile.h"
#include "core/device_kinds.h"
#include "core/env.h"
#include "eval/queued_launcher.h"
#include "runtime/opencl/memory.h"
#include "schedule/target.h"

// OpenCL's row in the table of devices.
namespace lilith {
namespace {

namespace opencl = runtime::opencl;
using Clock = std::chrono::steady_clock;

class OpenClLauncher final : public QueuedLauncher {
 public:
  OpenClLauncher(const schedule::Plan& plan, codegen::c::Source source, opencl::Device& device)
      : QueuedLauncher(plan.launches.size()), device_(device), kernels_(std::move(source), device) {
    for (const schedule::LaunchPlan& l : plan.launches) buffers_.push_back(l.buffers);
  }

  Code code() const override {
    ByteWriter out;
    out.text(made_for(device_.info()));
    out.text(kernels_.text());
    write(out, kernels_.source().kernels);
    return {out.take(), ""};
  }
  static std::string made_for(const opencl::DeviceInfo& d) {
    return fmt::format("{}\n{}\n{}\n{}", d.platform, d.name, d.version, d.driver);
  }

  void run(Instance& instance) const override {
    QueuedLauncher::run(instance);
    device_.flush();
  }

  std::vector<double> run_timed(Instance& instance) const override {
    std::vector<double> ms;
    device_.finish();
    for (std::size_t k = 0; k < buffers_.size(); ++k) {
      const auto start = Clock::now();
      enqueue(k, instance);
      device_.finish();
      ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    return ms;
  }

 private:
  void enqueue(std::size_t k, const Instance& instance) const override {
    std::vector<opencl::Place> places;
    places.reserve(buffers_[k].size());
    for (const int b : buffers_[k]) {
      const Place& place = instance.buffers[static_cast<std::size_t>(b)];
      places.push_back(
          {&opencl::buffer_of(*place.storage), static_cast<std::int64_t>(place.offset)});
    }
    const std::lock_guard lock(mutex_);  // what a kernel launches is not parted by another run's
    kernels_.launch(k, places);
  }

  opencl::Device& device_;
  mutable codegen::opencl::CompiledKernels kernels_;
  mutable std::mutex mutex_;
  std::vector<std::vector<int>> buffers_;  // by launch, as its kernel's parameters
};

std::string describe(int i) {
  const opencl::DeviceInfo& d = opencl::devices()[static_cast<std::size_t>(i)];
  return d.name + " (" + d.platform + ")";
}

// A CPU's kernels run with one work item a task: the compute units are its threads.
schedule::Target target(int i) {
  const opencl::DeviceInfo& d = opencl::devices()[static_cast<std::size_t>(i)];
  schedule::Target t;
  t.threads = std::max(1, d.compute_units);
  if (env::disabled("gpu_kernels") || d.max_group < schedule::GpuTarget::kLeastThreads) return t;
  schedule::GpuTarget gpu;
  gpu.units = t.threads;
  gpu.threads = static_cast<int>(std::bit_floor(std::min<std::size_t>(d.max_group, 256)));
  gpu.shared_bytes = static_cast<std::int64_t>(std::min<std::size_t>(d.local_bytes, 32 << 10));
  t.gpu = gpu;
  return t;
}

std::unique_ptr<Launcher> launcher(const schedule::Plan& plan, int i) {
  opencl::Device& device = opencl::device(i);
  return std::make_unique<OpenClLauncher>(
      plan, codegen::opencl::print_for(kernels_of(plan), device), device);
}

// The text: what it was compiled to has an entry of its own, or is the platform's to keep.
std::unique_ptr<Launcher> restore(const schedule::Plan& plan, std::string_view code, int i) {
  opencl::Device& device = opencl::device(i);
  ByteReader in(code);
  if (in.text() != OpenClLauncher::made_for(device.info())) return nullptr;
  codegen::c::Source source;
  source.text = in.text();
  source.kernels = codegen::c::read_entries(in);
  if (!in.done() || source.kernels.size() != plan.launches.size()) return nullptr;
  return std::make_unique<OpenClLauncher>(plan, std::move(source), device);
}

[[maybe_unused]] const Device::Kind kind = register_device_kind(
    {.name = "opencl",
     .count = [] { return static_cast<int>(opencl::devices().size()); },
     .why_none = [] { return opencl::why_none(); },
     .describe = describe,
     .is_accelerator = [](int i) { return opencl::devices()[static_cast<std::size_t>(i)].gpu; },
     .memory = [](int i) -> runtime::DeviceMemory& { return opencl::memory(i); },
     .target = target,
     .launcher = launcher,
     .restore = restore});

}  // namespace
}  // namespace lilith
