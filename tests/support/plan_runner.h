#pragma once
#include <memory>
#include <vector>

#include "eval/launcher.h"
#include "eval/placement.h"

namespace lilith::testing {

/// Runs a plan as a compiled program does, launch by launch.
class PlanRunner {
 public:
  /// Both outlive it.
  PlanRunner(const schedule::Plan& plan, const std::vector<StoragePtr>& inputs)
      : plan_(plan), inputs_(inputs), launcher_(make_cpu_launcher(plan)), placement_(plan, 0) {
    instance_.buffers.resize(plan.buffers.size());
    if (plan.arena_bytes > 0) arena_ = Storage::allocate(plan.arena_bytes);
  }

  /// The milliseconds of each launch.
  std::vector<double> run() {
    outputs.assign(plan_.outputs.size(), nullptr);
    placement_.place(instance_, arena_, inputs_, {}, outputs);
    return launcher_->run_timed(instance_);
  }

  std::vector<StoragePtr> outputs;  // of the last run

 private:
  const schedule::Plan& plan_;
  const std::vector<StoragePtr>& inputs_;
  std::unique_ptr<Launcher> launcher_;
  Placement placement_;
  Instance instance_;
  StoragePtr arena_;
};

}  // namespace lilith::testing
