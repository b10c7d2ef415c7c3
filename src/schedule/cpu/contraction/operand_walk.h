#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/few.h"
#include "schedule/cpu/tasks.h"
#include "schedule/kernel/contraction_spec.h"
#include "schedule/target.h"

namespace lilith::schedule {

/// A copy's reads overlap: what a line costs it at most, and what an element costs besides.
constexpr double kOverlapped = 30, kPacked = 1.5, kCopied = 0.75;
/// Cycles of a line that comes from another cache than the first, however early it is asked for.
constexpr double kLeast = 2;
/// Cycles that each step waits for a line that the L1 cache could not keep since the step before.
constexpr double kReloaded = 2.2;
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
  double waits = 1;   // of these, the share that other work does not hide
  bool fits = false;  // the L2 cache holds all lines until the next walk over them

  /// Cycles of so many walks from afar, beside the FMAs of a tile.
  double far(double walks) const { return walks * lines * std::max(price * waits, kLeast); }
  /// Of one walk that copies what it reads.
  double copied() const { return lines * std::min(price, kOverlapped); }
};

/// By axis.
using Steps = Few<std::int64_t, 12>;

/// From an operand's first byte to its last.
double span_bytes(const std::vector<Axis>& axes, std::int64_t Axis::* step,
                  std::int64_t element_bytes);
/// Over so many steps of each axis (1: it stands still). The hardware foresees runs of lines and
/// short even steps; lines that are far apart wait for memory one after another, and a power of two
/// apart they compete for a few sets of the cache.
OperandWalk walk_over(const std::vector<Axis>& axes, std::int64_t Axis::* step, const Steps& steps,
                      std::int64_t element_bytes, const Target& target);
/// Over memory from end to end.
OperandWalk walk_along(double bytes, const Target& target);
/// Over so much memory in runs of so many bytes that lie far from each other.
OperandWalk walk_in_runs(double bytes, std::int64_t run, const Target& target);

/// Cycles of a result's stores in runs of so many bytes, each `apart` bytes below the one before it
/// (0: beside it): lines that all fall into a few sets of the L1 cache wait for each other.
double stored_cycles(double bytes, std::int64_t run, std::int64_t apart, const Target& target);

/// The cycles of tiles whose results are stored while the next ones are summed: what takes less is
/// not free.
constexpr double beside(double fmas, double stores) {
  return std::max(fmas, stores) + 0.1 * std::min(fmas, stores);
}

/// Cycles of a gather or scatter, for an element, where neighbours in the lanes lie `apart` bytes
/// from each other: elements go one by one, `run` of them into a line while a tile is stored. Where
/// the L1 cache does not hold a line for every lane until the next row comes, each waits for its
/// line.
double scattered_cycles(std::int64_t apart, std::int64_t lanes, std::int64_t run,
                        const Target& target);
/// Rows of a tile that lie `apart` bytes from each other compete for the same lines of the L1
/// cache, and each is a stream that the hardware has to foresee: the part of a step's FMAs that
/// their loads take besides.
double competing_rows(std::int64_t apart, std::int64_t rows, std::int64_t vectors,
                      const Target& target);

}  // namespace lilith::schedule
