#pragma once
#include "lilith/graph_names.h"
#include "schedule/options.h"
#include "schedule/plan.h"

namespace lilith::schedule {

/// Chooses what is computed where, stored where, in which layout and tile; plans memory. `g` is
/// prepared (rewrite/prepare.h).
Plan make_plan(const Graph& g, const PlanOptions& options);

}  // namespace lilith::schedule
