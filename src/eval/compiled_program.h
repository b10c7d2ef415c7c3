#pragma once
#include <memory>

#include "eval/program.h"

namespace lilith {

/// Schedules the graph, compiles its kernels and returns a program that runs them on the thread
/// team. DeviceError when the program needs more memory than the machine or the cgroup grants.
std::shared_ptr<Program> make_compiled_program(const Graph& g, const ProgramOptions& options);

}  // namespace lilith
