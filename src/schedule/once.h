#pragma once
#include <vector>

#include "schedule/plan.h"

namespace lilith::schedule {

/// Moves launches of a loop's body that do the same in every step to the front (Plan::once): they
/// read `constant` inputs and each other's results alone, and write no output. `constant`: by
/// input; empty: it is no body.
void find_once(Plan* plan, const std::vector<bool>& constant);

}  // namespace lilith::schedule
