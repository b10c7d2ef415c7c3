#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "schedule/cpu/tasks.h"
#include "schedule/kernel/contraction_spec.h"
#include "schedule/target.h"

namespace lilith::schedule {

/// A copy's reads overlap: what a line costs it at most, and what an element costs besides.
constexpr double kOverlapped = 30, kPacked = 1.5, kCopied = 0.75;
/// Cycles of a launch of its own over so many elements, the barrier before and after it counted.
/// What is too small to share is a call.
constexpr double launch_cycles(double elements) {
  return elements < static_cast<double>(kMinTask) ? 500 : 8000;
}

/// What a walk over a part of one operand touches, and what that costs where it lies beyond the L2
/// cache.
struct OperandWalk {
  double lines = 0;
  double price = 0;   // cycles to wait for a line from beyond the L2 cache
  bool fits = false;  // the L2 cache holds all lines until the next walk over them

  /// Cycles of so many walks from afar.
  double far(double walks) const { return walks * lines * price; }
  /// Of one walk that copies what it reads.
  double copied() const { return lines * std::min(price, kOverlapped); }
};

/// Over so many steps of each axis (1: it stands still). The hardware foresees runs of lines and
/// short even steps; lines that are far apart wait for memory one after another, and a power of two
/// apart they compete for a few sets of the cache.
OperandWalk walk_over(const std::vector<Axis>& axes, std::int64_t Axis::* step,
                      const std::vector<std::int64_t>& steps, std::int64_t element_bytes,
                      const Target& target);
/// Over memory from end to end.
OperandWalk walk_along(double bytes, const Target& target);

}  // namespace lilith::schedule
