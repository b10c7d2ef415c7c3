#pragma once
#include "eval/instance.h"
#include "schedule/plan.h"

namespace lilith {

/// The unused bytes behind each temporary (ProgramOptions::guard_bytes): what a kernel writes there
/// is an InternalError.
class GuardBands {
 public:
  /// The plan outlives it.
  GuardBands(const schedule::Plan& plan, std::size_t bytes) : plan_(plan), bytes_(bytes) {}
  void fill(const Instance& instance) const;
  void check(const Instance& instance) const;

 private:
  template <class F>
  void each(const Instance& instance, F&& f) const;

  const schedule::Plan& plan_;
  const std::size_t bytes_;
};

}  // namespace lilith
