#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "schedule/cpu/map/pointwise.h"
#include "schedule/cpu/tasks.h"
#include "schedule/kernel/loop_order.h"

// A transposition: what one access walks in line, another crosses. Tiles of both dimensions, so
// that every line that is touched is used up while it is in the cache:
//
//   parallel other loops, tile of across, strips of inner {
//     for a in tile { vector c in strip { store… } } }
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kSets = 64, kFar = 2048;  // of the L1 and of the L2 cache

// Of so many sets those that lines this far apart share; a step inside of lines visits them all.
std::int64_t sets_apart(std::int64_t bytes, std::int64_t sets) {
  return bytes % kLine == 0 ? std::gcd(bytes / kLine, sets) : 1;
}

// What the map reads and writes.
std::vector<Access> accesses_of(MapKernel& map) {
  std::vector<Access> accesses = loads_of(map.values, map.kernel);
  for (const NodeImpl* n : map.g.stores) {
    accesses.push_back({place_of(map.pool(), map.domain.index, map.layout_of(n), map.g.domain),
                        static_cast<double>(n->aval.bytes())});
  }
  return accesses;
}

}  // namespace

// The lines that one walk along the innermost loop touches outnumber those that the L2 cache has
// for them, so that the next walk finds none. Few that are as far apart as the L1 cache is deep
// make narrow tiles.
std::optional<Crossing> find_crossing(MapKernel& map) {
  const LoopDim& inner = map.dims.back();
  if (extent_of(map.dims) < 4 * kMinTask) return {};
  const std::vector<Access> accesses = accesses_of(map);
  const auto element = static_cast<double>(size_of(map.g.stores[0]->aval.dtype));
  std::optional<Crossing> best;
  double most = 0;
  for (std::size_t d = 0; d + 1 < map.dims.size(); ++d) {
    if (map.dims[d].extent < 8) continue;
    Crossing c{d, 16, 64};
    double bytes = 0;
    for (const Access& a : accesses) {
      const double across = std::abs(step_of(a.address, map.dims[d].var));
      const auto along =
          static_cast<std::int64_t>(std::abs(step_of(a.address, inner.var)) * element);
      if (across == 0 || across > 2 || along < kLine) continue;
      if (2 * inner.extent <= map.b.target.l2_bytes / kLine / sets_apart(along, kFar)) continue;
      bytes += a.bytes;
      if (sets_apart(along, kSets) == kSets) c = {d, 32, 16};
    }
    if (bytes <= most) continue;
    most = bytes;
    best = c;
  }
  return best;
}

namespace {

Block tile_of(MapKernel& map, const Crossing& crossing, Expr at, std::int64_t steps) {
  kir::Pool& pool = map.pool();
  const LoopDim &across = map.dims[crossing.dim], &inner = map.dims.back();
  std::vector<Expr> by;
  const Expr a = loop_var(pool, steps, "a");
  set_var(&by, across.var, at * pool.integer(crossing.tile) + a);
  return tile_by_tile(pool, "s", inner.extent, crossing.strip, [&](Expr first, std::int64_t width) {
    const Expr c = pool.var(width, "c");
    set_var(&by, inner.var, first + c);
    return in_loop(a, LoopKind::Serial, in_loop(c, LoopKind::Vector, map.stores(by)));
  });
}

}  // namespace

std::string emit_tiled(MapKernel& map, const Crossing& crossing) {
  const std::int64_t extent = map.dims[crossing.dim].extent;
  std::vector<LoopDim> outer(map.dims.begin(), map.dims.end() - 1);
  outer.erase(outer.begin() + static_cast<std::ptrdiff_t>(crossing.dim));
  const std::int64_t tiles = divide_up(extent, crossing.tile);
  const Expr tile = loop_var(map.pool(), tiles, "tile");
  outer.push_back({tile, tiles});
  Block body = full_or_last(tile, extent, crossing.tile, [&](std::int64_t steps) {
    return tile_of(map, crossing, tile, steps);
  });
  map.kernel.body.push_back(share_loops(map.pool(), outer, std::move(body),
                                        enough_tasks(map.b.target, map.g.domain.numel())));
  return fmt::format("pointwise {} loops, inner {} in tiles with {}", map.dims.size(),
                     map.dims.back().extent, extent);
}

}  // namespace lilith::schedule
