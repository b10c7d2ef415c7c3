#pragma once
#include <cstddef>
#include <vector>

#include "schedule/target.h"

namespace lilith::schedule {

/// What a program is planned for.
struct PlanOptions {
  Target target;
  std::vector<bool> donated;    // per input: its memory may be written; empty: none
  std::size_t guard_bytes = 0;  // an unused band after each arena buffer, for tests
};

}  // namespace lilith::schedule
