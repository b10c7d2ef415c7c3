#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "schedule/cpu/map/builder.h"

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

}  // namespace

// The lines that one walk along the innermost loop touches outnumber those that the L2 cache has
// for them, so that the next walk finds none. Few that are as far apart as the L1 cache is deep
// make narrow tiles.
MapBuilder::Crossing MapBuilder::find_crossing() {
  const LoopDim& inner = dims_.back();
  if (extent_of(dims_) < 4 * kMinTask) return {};
  std::vector<Access> accesses = loads_of(values_, kernel_);
  for (NodeImpl* n : g_.stores) {
    const Layout layout =
        b_.dataflow.is_output(n) ? Layout::row_major(g_.domain.rank()) : Layout{order_};
    accesses.push_back(
        {place_of(pool(), index_, layout, g_.domain), static_cast<double>(n->aval.bytes())});
  }
  const auto element = static_cast<double>(size_of(g_.stores[0]->aval.dtype));
  Crossing best;
  double most = 0;
  for (std::size_t d = 0; d + 1 < dims_.size(); ++d) {
    if (dims_[d].extent < 8) continue;
    Crossing c{static_cast<int>(d), 16, 64};
    double bytes = 0;
    for (const Access& a : accesses) {
      const double across = std::abs(step_of(a.address, dims_[d].var));
      const auto along =
          static_cast<std::int64_t>(std::abs(step_of(a.address, inner.var)) * element);
      if (across == 0 || across > 2 || along < kLine) continue;
      if (2 * inner.extent <= b_.target.l2_bytes / kLine / sets_apart(along, kFar)) continue;
      bytes += a.bytes;
      if (sets_apart(along, kSets) == kSets) c = {static_cast<int>(d), 32, 16};
    }
    if (bytes <= most) continue;
    most = bytes;
    best = c;
  }
  return best;
}

Block MapBuilder::tile_of(const Crossing& crossing, Expr at, std::int64_t steps) {
  const LoopDim &across = dims_[static_cast<std::size_t>(crossing.dim)], &inner = dims_.back();
  std::vector<Expr> by;
  const Expr a = loop_var(pool(), steps, "a");
  set_var(&by, across.var, at * pool().integer(crossing.tile) + a);
  Block body;
  const auto strips = [&](std::int64_t first, std::int64_t count, std::int64_t width) {
    if (count == 0) return;
    const Expr s = loop_var(pool(), count, "s"), c = pool().var(width, "c");
    set_var(&by, inner.var, s * pool().integer(width) + c + pool().integer(first));
    Block strip = in_loop(c, LoopKind::Vector, stores(by));
    append(&body, nest(proper_loops({{s, count}, {a, steps}}), std::move(strip)));
  };
  const std::int64_t full = inner.extent / crossing.strip;
  strips(0, full, crossing.strip);
  const std::int64_t rest = inner.extent % crossing.strip;
  strips(inner.extent - rest, rest == 0 ? 0 : 1, rest);
  return body;
}

void MapBuilder::build_tiled(const Crossing& crossing) {
  const LoopDim across = dims_[static_cast<std::size_t>(crossing.dim)];
  std::vector<LoopDim> outer(dims_.begin(), dims_.end() - 1);
  outer.erase(outer.begin() + crossing.dim);
  const std::int64_t tiles = (across.extent + crossing.tile - 1) / crossing.tile;
  const LoopDim tile{loop_var(pool(), tiles, "tile"), tiles};
  outer.push_back(tile);
  const std::int64_t last = across.extent - (tiles - 1) * crossing.tile;
  Block body;
  if (last == crossing.tile) {
    body = tile_of(crossing, tile.var, crossing.tile);
  } else if (tiles == 1) {
    body = tile_of(crossing, tile.var, last);
  } else {
    body.push_back(kir::If{kir::lt(tile.var, pool().integer(tiles - 1)),
                           std::make_shared<Block>(tile_of(crossing, tile.var, crossing.tile)),
                           std::make_shared<Block>(tile_of(crossing, tile.var, last))});
  }
  kernel_.body.push_back(
      share_loops(pool(), outer, std::move(body), enough_tasks(b_.target, g_.domain.numel())));
  how_ = fmt::format("pointwise {} loops, inner {} in tiles with {}", dims_.size(),
                     dims_.back().extent, across.extent);
}

}  // namespace lilith::schedule
