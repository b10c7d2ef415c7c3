#pragma once
#include <cstdint>

namespace lilith::testing {

/// Counts what this process allocates (malloc and all that rests on it) while it lives. Sanitizers
/// have their own allocator: available() is false under them.
class AllocationCounter {
 public:
  AllocationCounter();
  ~AllocationCounter();
  static bool available();
  std::int64_t count() const;
  std::int64_t bytes() const;
};

}  // namespace lilith::testing
