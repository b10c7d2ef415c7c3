#pragma once
#include <memory>
#include <vector>

#include "eval/launcher.h"
#include "eval/placement.h"

namespace lilith {

/// Runs a plan for the CPU as a compiled program does, launch by launch.
class PlanRunner {
 public:
  /// Both outlive it.
  PlanRunner(const schedule::Plan& plan, const std::vector<StoragePtr>& inputs)
      : plan_(plan), inputs_(inputs), launcher_(make_cpu_launcher(plan)), placement_(plan, 0) {
    instance_.buffers.resize(plan.buffers.size());
  }

  /// The milliseconds of each launch.
  std::vector<double> run() {
    const StoragePtr arena = plan_.arena_bytes ? Storage::allocate(plan_.arena_bytes) : nullptr;
    outputs.assign(plan_.outputs.size(), nullptr);
    placement_.place(instance_, arena, inputs_, {}, outputs);
    return launcher_->run_timed(instance_);
  }

  std::vector<StoragePtr> outputs;  // of the last run

 private:
  const schedule::Plan& plan_;
  const std::vector<StoragePtr>& inputs_;
  std::unique_ptr<Launcher> launcher_;
  Placement placement_;
  Instance instance_;
};

}  // namespace lilith
