#pragma once
#include <mutex>
#include <string>
#include <vector>

#include "schedule/plan.h"

namespace lilith {

/// LILITH_DEBUG=4 and LILITH_DUMP: the plan, and the IR of its kernels.
void show_plan(const schedule::Plan& plan);

/// Columns of a table that goes to no terminal.
inline constexpr int kTableWidth = 200;
/// Of one that is searched rather than read.
inline constexpr int kUncut = 1 << 16;
/// A row for each launch: its time and speed, where it was timed (ms: empty otherwise), its work,
/// the cycles that the model gives it, the user's line, what it computes, the schedule that was
/// chosen and the one that came second. A last row for all together. Wide texts are cut.
std::string launch_table(const schedule::Plan& plan, const std::vector<double>& ms, int width);
/// A row for each temporary: where it lies in the arena, and when.
std::string memory_table(const schedule::Plan& plan);

/// The shortest time of each launch of a program. Thread-safe.
class LaunchTimes {
 public:
  void add(const std::vector<double>& ms);
  std::vector<double> best() const;  // empty before the first

 private:
  mutable std::mutex mutex_;
  std::vector<double> best_;
};

}  // namespace lilith
