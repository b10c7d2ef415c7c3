#include "schedule/cpu/winograd/grid.h"

#include "schedule/kernel/loops.h"

namespace lilith::schedule {

using kir::Expr;

TileGrid::TileGrid(const ContractionSpec& spec, std::vector<int> others, const int (&two)[2],
                   std::int64_t by)
    : outer(std::move(others)), axes{two[0], two[1]}, step(by) {
  for (const int i : outer) {
    const Axis& x = spec.axes[static_cast<std::size_t>(i)];
    counts.push_back(x.extent);
    all *= x.extent;
    count_varies |= x.varies;
  }
  for (const int d : {0, 1}) {
    const Axis& x = spec.axes[static_cast<std::size_t>(axes[d])];
    extents[d] = x.extent;
    varies[d] = x.varies;
    count_varies |= x.varies;
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

}  // namespace lilith::schedule
