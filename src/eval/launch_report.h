#pragma once
#include <vector>

#include "eval/launcher.h"
#include "schedule/plan.h"

namespace lilith {

/// LILITH_DEBUG=4 and LILITH_DUMP: the plan, and the IR of its kernels.
void show_plan(const schedule::Plan& plan);
/// LILITH_DEBUG=1: a line for each launch, its time and how fast it moved its data.
void print_times(const schedule::Plan& plan, const Launcher& launcher,
                 const std::vector<double>& ms);

}  // namespace lilith
