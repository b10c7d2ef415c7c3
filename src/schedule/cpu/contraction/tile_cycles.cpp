#include "schedule/cpu/contraction/tile_cycles.h"

#include <algorithm>
#include <cmath>

namespace lilith::schedule {

double step_cycles(std::int64_t rows, std::int64_t vectors, const LaneLoads& b) {
  const double fma = static_cast<double>(rows * vectors) / 2,
               loads = static_cast<double>(rows) / 2 + static_cast<double>(vectors) * b.cycles();
  const double latency = 4;
  return std::max({fma, loads, latency}) + 0.25 * std::min(fma, loads);
}

double masked_tiles(std::int64_t extent, std::int64_t tile) {
  return static_cast<double>(extent) / static_cast<double>(tile) + 0.5;
}

bool is_aligned(const std::vector<Axis>& axes, int vector_axis, std::int64_t lanes) {
  for (int i = 0; i < static_cast<int>(axes.size()); ++i) {
    if (i != vector_axis && axes[static_cast<std::size_t>(i)].b % lanes != 0) return false;
  }
  return true;
}

double idle_factor(const Target& target, double tasks) {
  const double threads = target.threads;
  if (tasks == 0) return 1;  // of an empty result
  return std::ceil(tasks / threads) * threads / tasks;
}

double layout_factor(const ContractionSpec& spec, int vector_axis) {
  const Axis& x = spec.axes[static_cast<std::size_t>(vector_axis)];
  const bool spatial = !spec.in_rows && x.name.size() == 2 && x.name[0] == 'o' &&
                       x.name[1] >= '0' && x.name[1] <= '9';
  return spatial ? 1.35 : 1;
}

}  // namespace lilith::schedule
