#pragma once
#include <string>
#include <vector>

#include "schedule/rewrite/index_checks.h"

namespace lilith::schedule {

/// One of the last rewrites before scheduling.
struct Rewrite {
  std::string name;
  Graph (*run)(const Graph& g);
  bool required = false;     // kernels rely on it: LILITH_DISABLE does not skip it
  std::string feature = {};  // it goes with this feature of LILITH_DISABLE
};
/// All of them, in order.
const std::vector<Rewrite>& rewrites();

/// What is scheduled: the rewritten graph, with the checks of its indices.
IndexChecks prepare(const Graph& g);

}  // namespace lilith::schedule
