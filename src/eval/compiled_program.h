#pragma once
#include <memory>
#include <vector>

#include "core/bytes.h"
#include "eval/program.h"
#include "schedule/plan.h"
#include "schedule/target.h"

namespace lilith {

/// Schedules a graph whose values all lie on one device, compiles its kernels and returns a program
/// that runs them there. DeviceError when the program needs more memory than there is.
std::shared_ptr<Program> make_compiled_program(const Graph& g, const ProgramOptions& options);

/// The same as Program::save has written it, with the lines of a graph by their sites. Null for
/// other bytes, and where the device does not take the code.
std::shared_ptr<Program> restore_compiled_program(ByteReader& in, const std::vector<Loc>& lines);

/// The device of a graph's outputs; the host when it has none.
Device device_of(const Graph& g);
/// What plans for a device are made for.
schedule::Target target_of(Device device);
/// The plan of a prepared graph for its device. checked: checks of its indices come at its end.
schedule::Plan plan_for(const Graph& g, bool checked, const ProgramOptions& options);
/// The same, made for this.
schedule::Plan plan_for(const Graph& g, bool checked, const ProgramOptions& options,
                        const schedule::Target& target);

}  // namespace lilith
