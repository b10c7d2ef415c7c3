#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "codegen/cuda/compile.h"
#include "core/device_kinds.h"
#include "core/env.h"
#include "eval/queued_launcher.h"
#include "runtime/cuda/graph.h"
#include "runtime/cuda/memory.h"
#include "schedule/launch_graph.h"
#include "schedule/target.h"

// CUDA's row in the table of devices.
namespace lilith {
namespace {

namespace cuda = runtime::cuda;

/// A run is one graph of the driver: its edges are what the plan says of the bytes that launches
/// touch, and where the memory of a run lies is told to the nodes that it has changed for. The
/// first run launches its kernels one by one: to make a graph takes some ten microseconds a node,
/// which a program that runs once would never get back. So does every run of few launches, which
/// cost the host no more than a graph does.
class CudaLauncher final : public QueuedLauncher {
 public:
  CudaLauncher(const schedule::Plan& plan, codegen::cuda::Code code, cuda::Device& device)
      : QueuedLauncher(plan.launches.size()), device_(device), kernels_(std::move(code), device) {
    for (const schedule::LaunchPlan& l : plan.launches) buffers_.push_back(l.buffers);
    find_waits(schedule::launch_needs(plan));
  }

  void run(Instance& instance) const override {
    if (waits_.size() < kLeastNodes || env::disabled("cuda_graphs"))
      return QueuedLauncher::run(instance);
    const std::lock_guard lock(mutex_);
    nodes_.clear();
    for (std::size_t k = 0; k < num_launches(); ++k) append(k, instance, &nodes_);
    if (++runs_ == 1) {
      for (const cuda::Launch& l : nodes_) device_.launch(l);
    } else {
      if (!graph_) graph_.emplace(device_, nodes_, waits_);
      graph_->run(nodes_);
    }
  }

  Code code() const override {
    ByteWriter out;
    write(out, kernels_.code());
    return {out.take(), ""};
  }

  std::vector<double> run_timed(Instance& instance) const override {
    return device_.time(num_launches(), [&](std::size_t k) { enqueue(k, instance); });
  }

 private:
  static constexpr std::size_t kLeastNodes = 3;

  void enqueue(std::size_t k, const Instance& instance) const override {
    std::vector<cuda::Launch> launches;
    append(k, instance, &launches);
    for (const cuda::Launch& l : launches) device_.launch(l);
  }

  void append(std::size_t k, const Instance& instance, std::vector<cuda::Launch>* out) const {
    std::vector<codegen::cuda::Place> places;
    for (const int b : buffers_[k]) {
      const Place& at = instance.buffers[static_cast<std::size_t>(b)];
      places.push_back(
          {cuda::buffer_of(*at.storage).address(), static_cast<std::int64_t>(at.offset)});
    }
    kernels_.append_launches(k, places, out);
  }

  // A launch is a chain of its parts; those that share scratch follow each other.
  void find_waits(const schedule::LaunchNeeds& needs) {
    std::vector<std::vector<int>> ends;  // by launch: who waits for it waits for these nodes
    int scratch = -1;                    // the last node that uses it
    for (std::size_t k = 0; k < needs.size(); ++k) {
      std::vector<int> before;
      for (const int n : needs[k]) {
        const std::vector<int>& end = ends[static_cast<std::size_t>(n)];
        before.insert(before.end(), end.begin(), end.end());
      }
      for (std::size_t p = 0; p < kernels_.num_parts(k); ++p) {
        if (kernels_.uses_scratch(k, p)) {
          if (scratch >= 0) before.push_back(scratch);
          scratch = static_cast<int>(waits_.size());
        }
        std::ranges::sort(before);
        before.erase(std::unique(before.begin(), before.end()), before.end());
        waits_.push_back(std::exchange(before, {static_cast<int>(waits_.size())}));
      }
      ends.push_back(std::move(before));
    }
  }

  cuda::Device& device_;
  const codegen::cuda::CompiledKernels kernels_;
  std::vector<std::vector<int>> buffers_;  // by launch, as its kernel's parameters
  std::vector<std::vector<int>> waits_;    // by node
  mutable std::mutex mutex_;               // of what follows
  mutable std::vector<cuda::Launch> nodes_;
  mutable std::optional<cuda::Graph> graph_;
  mutable std::int64_t runs_ = 0;
};

std::string describe(int i) {
  const cuda::DeviceInfo& d = cuda::devices()[static_cast<std::size_t>(i)];
  return fmt::format("{} ({} SMs, {:.1f} GiB, compute capability {}.{})", d.name, d.multiprocessors,
                     static_cast<double>(d.global_bytes) / (1 << 30), d.major, d.minor);
}

// A CPU's kernels run with one thread a task: the multiprocessors are its threads.
schedule::Target target(int i) {
  const cuda::DeviceInfo& d = cuda::devices()[static_cast<std::size_t>(i)];
  schedule::Target t;
  t.threads = std::max(1, d.multiprocessors);
  if (env::disabled("gpu_kernels")) return t;
  constexpr std::size_t kSharedBytes = 48 << 10;  // that a kernel has without asking for more
  schedule::GpuTarget gpu;
  gpu.units = t.threads;
  gpu.threads = std::min(256, d.max_threads);
  gpu.shared_bytes = static_cast<std::int64_t>(std::min(d.shared_bytes, kSharedBytes));
  gpu.mma = d.major >= 8;
  t.gpu = gpu;
  return t;
}

std::unique_ptr<Launcher> launcher(const schedule::Plan& plan, int i) {
  cuda::Device& device = cuda::device(i);
  return std::make_unique<CudaLauncher>(plan, codegen::cuda::compile(kernels_of(plan), device),
                                        device);
}

std::unique_ptr<Launcher> restore(const schedule::Plan& plan, std::string_view code, int i) {
  cuda::Device& device = cuda::device(i);
  ByteReader in(code);
  std::optional<codegen::cuda::Code> read = codegen::cuda::read_code(in, device);
  if (!read || read->kernels.size() != plan.launches.size()) return nullptr;
  return std::make_unique<CudaLauncher>(plan, *std::move(read), device);
}

[[maybe_unused]] const Device::Kind kind =
    register_device_kind({.name = "cuda",
                          .count = [] { return static_cast<int>(cuda::devices().size()); },
                          .why_none = [] { return cuda::why_none(); },
                          .describe = describe,
                          .is_accelerator = [](int) { return true; },
                          .memory = [](int i) -> runtime::DeviceMemory& { return cuda::memory(i); },
                          .target = target,
                          .launcher = launcher,
                          .restore = restore});

}  // namespace
}  // namespace lilith
