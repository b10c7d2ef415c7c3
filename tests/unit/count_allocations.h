#pragma once

namespace lilith {

/// Allocations by operator new while one is alive, in all threads. Zero in sanitizer builds.
class AllocationCounter {
 public:
  AllocationCounter();
  ~AllocationCounter();
  long count() const;
};

}  // namespace lilith
