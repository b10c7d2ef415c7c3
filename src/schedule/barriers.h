#pragma once
#include "schedule/plan.h"

namespace lilith::schedule {

/// Says which launches wait for those before them: one that reads what they wrote or writes what
/// they touched. Launches of one thread alone follow each other on it.
void place_barriers(Plan* plan);

}  // namespace lilith::schedule
