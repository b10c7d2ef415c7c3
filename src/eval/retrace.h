#pragma once
#include <functional>
#include <vector>

namespace lilith::driver {

/// Thrown by library code inside a trace when something must be made real first (an optimiser's
/// state): compile puts the arguments back, runs `action`, and traces again. `objects` are those
/// that the action touches: they must be arguments of the compiled function, or the Error
/// `otherwise` is thrown.
struct RetraceAfter {
  std::vector<const void*> objects;
  std::function<void()> action;
  const char* otherwise;
};

}  // namespace lilith::driver
