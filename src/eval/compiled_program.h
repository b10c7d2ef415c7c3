#pragma once
#include <memory>

#include "eval/program.h"
#include "schedule/plan.h"

namespace lilith {

/// Schedules the graph, compiles its kernels and returns a program that runs them on the thread
/// team. DeviceError when the program needs more memory than the machine or the cgroup grants.
std::shared_ptr<Program> make_compiled_program(const Graph& g, const ProgramOptions& options);

/// The plan of a prepared graph for this machine. checked: checks of its indices come at its end.
schedule::Plan plan_for_cpu(const Graph& g, bool checked, const ProgramOptions& options);

}  // namespace lilith
