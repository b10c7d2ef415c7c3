#include "schedule/cpu/winograd/grid.h"

#include "schedule/kernel/loops.h"

namespace lilith::schedule {

using kir::Expr;

TileGrid::TileGrid(const ContractionSpec& spec, std::vector<int> others, const int (&two)[2],
                   std::int64_t by)
    : outer(std::move(others)), axes{two[0], two[1]}, step(by) {
  for (const int i : outer) {
    counts.push_back(spec.axes[static_cast<std::size_t>(i)].extent);
    all *= counts.back();
  }
  for (const int d : {0, 1}) {
    extents[d] = spec.axes[static_cast<std::size_t>(axes[d])].extent;
    along[d] = divide_up(extents[d], step);
    all *= along[d];
  }
}

std::vector<Expr> TileGrid::at(Expr tile, std::size_t axes_of_spec) const {
  kir::Pool& p = tile.pool();
  std::vector<Expr> at(axes_of_spec, p.integer(0));
  std::int64_t inner = 1;
  const auto set = [&](int axis, std::int64_t count, std::int64_t by) {
    Expr part = kir::floor_div(tile, inner);
    inner *= count;
    if (inner != all) part = kir::floor_mod(part, count);
    at[static_cast<std::size_t>(axis)] = part * p.integer(by);
  };
  for (const int d : {1, 0}) set(axes[d], along[d], step);
  for (std::size_t k = outer.size(); k-- > 0;) set(outer[k], counts[k], 1);
  return at;
}

Expr TileGrid::inside(int d, Expr place, std::int64_t beyond) const {
  if (extents[d] % step == 0) return {};
  return kir::lt(place, place.pool().integer(extents[d] + beyond));
}

}  // namespace lilith::schedule
