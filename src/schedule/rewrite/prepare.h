#pragma once
#include <vector>

#include "passes/pipeline.h"
#include "schedule/rewrite/index_checks.h"

namespace lilith::schedule {

/// The last rewrites before scheduling, in order.
const std::vector<passes::Pass>& rewrites();

/// What is scheduled: the rewritten graph, with the checks of its indices.
IndexChecks prepare(const Graph& g);

}  // namespace lilith::schedule
