#pragma once
#include <utility>
#include <vector>

#include "schedule/plan.h"

namespace lilith::schedule {

/// Lets outputs take over the memory of donated inputs, where every element is read for the last
/// time just before it is written.
void update_in_place(Plan* plan, const std::vector<bool>& donated);
/// The same of donated inputs that nobody reads any more. Without `may_wait`, only where the
/// output's launch needs all those that read the input anyway.
void take_what_is_free(Plan* plan, const std::vector<bool>& donated, bool may_wait = true);

/// Gives every arena buffer an offset such that buffers that live at the same time do not overlap.
/// `guard_bytes` > 0 leaves a band after each buffer, for tests. Where all buffers together take no
/// more than `spread_bytes`, none lies where another one did.
void plan_memory(Plan* plan, std::size_t guard_bytes, std::size_t spread_bytes = 0);
/// The first and the last launch during which each buffer's memory is taken; -1 for one that no
/// launch touches. (BufferPlan counts the stretches between barriers.)
std::vector<std::pair<int, int>> taken_launches(const Plan& plan);

}  // namespace lilith::schedule
