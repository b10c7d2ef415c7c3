#pragma once
#include "schedule/plan.h"

namespace lilith::schedule {

/// Says which launches wait for those before them: one that reads what they wrote or writes what
/// they touched. Launches of one thread alone follow each other on it.
void place_barriers(Plan* plan);

/// Parts launches that need not wait for each other where an arena too large for the caches is
/// fullest: one after the other they use the same memory.
void part_peaks(Plan* plan);

}  // namespace lilith::schedule
