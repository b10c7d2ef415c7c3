#include "schedule/cpu/winograd/cycles.h"

#include <algorithm>

#include "schedule/cpu/contraction/operand_walk.h"

namespace lilith::schedule {
namespace {

constexpr double kMoved = 0.75;  // cycles of a vector that a transform loads or stores

}  // namespace

double transform_cycles(const Matrix& m, double moved) {
  return operations(m) * (m.rows + m.columns) / 2.0 + kMoved * moved;
}

double squares_cycles(const ContractionSpec& spec, std::int64_t Axis::* step,
                      const std::vector<int>& lanes, const TileGrid& grid, const Matrix& m,
                      const Target& target) {
  Steps square;
  bool in_line = lanes.empty();
  for (int i = 0; i < static_cast<int>(spec.axes.size()); ++i) {
    const Axis& x = spec.axes[static_cast<std::size_t>(i)];
    const bool along = std::ranges::find(lanes, i) != lanes.end();
    const bool slides = i == grid.axes[0] || i == grid.axes[1];
    in_line |= along && x.*step == 1;
    square.push_back(along ? x.extent : slides ? m.columns : 1);
  }
  const std::int64_t loaded = std::int64_t{m.columns} * m.columns,
                     stored = std::int64_t{m.rows} * m.rows, width = target.lanes(DType::F32);
  const double gathered = in_line ? 0 : kGathered * static_cast<double>(loaded * width);
  const auto vectors = static_cast<double>(divide_up(extent_of(spec.axes, lanes), width));
  return static_cast<double>(grid.all) *
         (vectors * (transform_cycles(m, static_cast<double>(loaded + stored)) + gathered) +
          walk_over(spec.axes, step, square, 4, target).far(1));
}

}  // namespace lilith::schedule
