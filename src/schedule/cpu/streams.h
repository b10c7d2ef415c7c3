#pragma once
#include "schedule/plan.h"
#include "schedule/target.h"

namespace lilith::schedule {

/// Stores of results that outgrow the caches go past them (kir::Store::non_temporal): a line is
/// then not read before it is written. A result that its own kernel reads, or that takes the memory
/// of an input, is stored as usual.
void stream_large_results(Plan* plan, const Target& target);

}  // namespace lilith::schedule
