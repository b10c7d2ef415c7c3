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
constexpr std::int64_t kWay = 4096;                   // bytes of a way of the L1 cache
// An operand of two L2 caches lies in the next one: a core that looks some hundred instructions
// ahead waits for it as little as for the L2 cache. One of eight is waited for.
constexpr double kNearby = 2, kAway = 8;
constexpr double kStreamed = 0.01;  // of a step's FMAs, for each row that is a stream beyond eight
constexpr double kCrowded = 12;     // cycles of a stored line that its set has no room for yet
constexpr double kVisited = 3;      // cycles of a line that elements are scattered into
constexpr double kMissed = 25;      // cycles of a scattered element whose line has to come again

struct Part {
  std::int64_t bytes, steps;
};

// The lines of runs that begin so far apart that a cache holds, of so many ways.
double held(std::int64_t apart, double run_lines, std::int64_t way, std::int64_t ways) {
  const double sets = static_cast<double>(way) / static_cast<double>(kLine);
  if (apart == 0) return sets * static_cast<double>(ways);
  const double runs = static_cast<double>(way) / static_cast<double>(std::gcd(apart, way));
  return std::min(sets, std::max(1.0, runs) * run_lines) * static_cast<double>(ways);
}

// How far lines that are used in turn outgrow what the L1 cache holds of them: 1 where none stays.
double outgrown(std::int64_t apart, std::int64_t lines, const Target& target) {
  const double room = held(apart, 1, kWay, target.l1_bytes / kWay);
  return std::clamp(static_cast<double>(lines) / room - 1, 0.0, 1.0);
}

// Of lines in runs: the first ones are not foreseen.
double price_of(std::int64_t run, bool foreseen) {
  if (run >= kRun) return kStream;
  if (run >= kShortRun || foreseen) return kNear;
  return std::max(kNear, kFar * kLine / static_cast<double>(std::max(run, kLine)));
}

double waits_for(double bytes, const Target& target) {
  const double caches = bytes / static_cast<double>(target.l2_bytes);
  return std::clamp((caches - kNearby) / (kAway - kNearby), 0.0, 1.0);
}

}  // namespace

double span_bytes(const std::vector<Axis>& axes, std::int64_t Axis::* step,
                  std::int64_t element_bytes) {
  std::int64_t elements = 1;
  for (const Axis& x : axes)
    elements += std::abs(x.*step) * std::max<std::int64_t>(0, x.extent - 1);
  return static_cast<double>(elements * element_bytes);
}

OperandWalk walk_over(const std::vector<Axis>& axes, std::int64_t Axis::* step, const Steps& steps,
                      std::int64_t element_bytes, const Target& target) {
  Few<Part, 12> parts;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (steps[i] > 1 && axes[i].*step != 0)
      parts.push_back({std::abs(axes[i].*step) * element_bytes, steps[i]});
  }
  std::ranges::sort(parts, {}, &Part::bytes);
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
  w.price = price_of(run, apart <= kForeseen);
  w.waits = waits_for(span_bytes(axes, step, element_bytes), target);
  w.fits = w.lines <= held(apart, run_lines, target.l2_bytes / kWays, kWays) * 0.5;
  return w;
}

OperandWalk walk_along(double bytes, const Target& target) {
  return {bytes / kLine, kStream, 1, bytes <= static_cast<double>(target.l2_bytes) / 2};
}

OperandWalk walk_in_runs(double bytes, std::int64_t run, const Target& target) {
  return {bytes / static_cast<double>(std::min(run, kLine)), price_of(run, false),
          waits_for(bytes, target), bytes <= static_cast<double>(target.l2_bytes) / 2};
}

double stored_cycles(double bytes, std::int64_t run, std::int64_t apart, const Target& target) {
  const OperandWalk walk = walk_in_runs(bytes, run, target);
  const auto run_lines = static_cast<double>(divide_up(run, kLine));
  const double room = held(apart, run_lines, kWay, target.l1_bytes / kWay),
               all = static_cast<double>(target.l1_bytes) / kLine;
  const double crowded = std::max(0.0, 1 - 4 * room / all);
  return std::max(walk.far(1), walk.lines * kCrowded * crowded);
}

double scattered_cycles(std::int64_t apart, std::int64_t lanes, std::int64_t run,
                        const Target& target) {
  return 1.5 +
         std::max(kMissed * outgrown(apart, lanes, target), kVisited / static_cast<double>(run));
}

double competing_rows(std::int64_t apart, std::int64_t rows, std::int64_t vectors,
                      const Target& target) {
  const double streams =
      apart < kLine ? 0 : kStreamed * static_cast<double>(std::max<std::int64_t>(0, rows - 8));
  return streams + outgrown(apart, rows, target) * 2 * kReloaded / static_cast<double>(vectors);
}

}  // namespace lilith::schedule
