#pragma once
#include <string>
#include <vector>

#include "eval/placement.h"
#include "kernel_ir/kernel.h"
#include "lilith/graph_names.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

// Plans for a GPU without one: their kernels are verified and interpreted.
namespace lilith::testing {

/// A small GPU, so that small graphs fill several blocks. `mma`: with tensor cores.
inline schedule::Target gpu_target(bool mma = false) {
  schedule::Target t;
  t.threads = 4;
  t.gpu = schedule::GpuTarget{.threads = 64, .shared_bytes = 32 << 10, .units = 4, .mma = mma};
  return t;
}

/// An optimised graph, planned for a GPU.
struct GpuPlan {
  explicit GpuPlan(const Graph& optimised, const schedule::Target& target = gpu_target()) {
    schedule::IndexChecks prepared = schedule::prepare(optimised);
    num_checks = prepared.checks.size();
    schedule::PlanOptions options;
    options.target = target;
    plan = schedule::make_plan(prepared.graph, options);
  }

  double flops() const {
    double sum = 0;
    for (const schedule::LaunchPlan& l : plan.launches) sum += l.flops;
    return sum;
  }
  /// What is left to a CPU's kernels, one thread a task; empty: nothing.
  std::string of_a_cpu() const {
    std::string all;
    for (const schedule::LaunchPlan& l : plan.launches)
      if (l.kernel.threads == 0 && !l.kernel.body.empty()) all += l.what + ": " + l.how + "\n";
    return all;
  }

  /// The graph's outputs for these inputs.
  std::vector<StoragePtr> interpret(const std::vector<StoragePtr>& inputs,
                                    kir::RunOrder order = {}) const {
    const Placement placement(plan, num_checks);
    Instance instance;
    instance.buffers.resize(plan.buffers.size());
    instance.seen = Storage::allocate((num_checks + 1) * sizeof(std::int64_t));
    const StoragePtr arena = Storage::allocate(plan.arena_bytes + 1);
    std::vector<StoragePtr> outputs(plan.outputs.size() - num_checks);
    placement.place(instance, arena, inputs, {}, outputs);
    for (const schedule::LaunchPlan& l : plan.launches) {
      kir::verify(l.kernel);
      std::vector<void*> params;
      for (const int b : l.buffers)
        params.push_back(instance.buffers[static_cast<std::size_t>(b)].address());
      kir::interpret(l.kernel, params, order);
    }
    placement.copy_repeated(inputs, outputs);
    return outputs;
  }

  schedule::Plan plan;
  std::size_t num_checks = 0;
};

}  // namespace lilith::testing
