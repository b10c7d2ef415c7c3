#pragma once
#include "schedule/plan.h"
#include "schedule/target.h"

namespace lilith::schedule::gpu {

/// Makes one launch of those that need nothing of each other, where the device runs all of them at
/// the same time anyway and no launch comes to wait longer. Buffers of the arena have no place yet;
/// who takes over an input's place element by element is settled.
void put_side_by_side(Plan* plan, const GpuTarget& target);

}  // namespace lilith::schedule::gpu
