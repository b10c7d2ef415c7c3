#include "schedule/cpu/contraction/operand_walk.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "schedule/cpu/tasks.h"

namespace lilith::schedule {
namespace {

constexpr double kFar = 50, kNear = 15, kStream = 4;  // cycles a line; measured on three machines
constexpr std::int64_t kRun = 16 * kLine;             // bytes in line that the hardware foresees
constexpr std::int64_t kShortRun = 4 * kLine;         // whose first lines it does not
constexpr std::int64_t kForeseen = 1024;              // the longest even step
constexpr std::int64_t kWays = 8;                     // of the L2 cache, at least

struct Part {
  std::int64_t bytes, steps;
};

// The lines that the L2 cache holds of runs that begin so far apart.
double held(std::int64_t apart, double run_lines, const Target& target) {
  const std::int64_t way = target.l2_bytes / kWays;
  const double sets = static_cast<double>(way) / static_cast<double>(kLine);
  if (apart == 0) return sets * kWays;
  const double runs = static_cast<double>(way) / static_cast<double>(std::gcd(apart, way));
  return std::min(sets, std::max(1.0, runs) * run_lines) * kWays;
}

}  // namespace

OperandWalk walk_over(const std::vector<Axis>& axes, std::int64_t Axis::* step,
                      const std::vector<std::int64_t>& steps, std::int64_t element_bytes,
                      const Target& target) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (steps[i] > 1 && axes[i].*step != 0)
      parts.push_back({std::abs(axes[i].*step) * element_bytes, steps[i]});
  }
  std::sort(parts.begin(), parts.end(),
            [](const Part& x, const Part& y) { return x.bytes < y.bytes; });
  // Steps inside of what is touched already make the run longer; others begin a new one.
  std::int64_t run = element_bytes, apart = 0;
  double runs = 1;
  for (const Part& p : parts) {
    if (p.bytes <= std::max(run, kLine)) {
      run += p.bytes * (p.steps - 1);
      continue;
    }
    if (apart == 0) apart = p.bytes;
    runs *= static_cast<double>(p.steps);
  }
  const double run_lines = std::ceil(static_cast<double>(run) / kLine) + (run % kLine ? 0.5 : 0);
  OperandWalk w;
  w.lines = runs * run_lines;
  w.price = run >= kRun ? kStream : run >= kShortRun || apart <= kForeseen ? kNear : kFar;
  w.fits = w.lines <= held(apart, run_lines, target) * 0.5;
  return w;
}

OperandWalk walk_along(double bytes, const Target& target) {
  return {bytes / kLine, kStream, bytes <= static_cast<double>(target.l2_bytes) / 2};
}

}  // namespace lilith::schedule
