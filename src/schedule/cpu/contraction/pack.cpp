#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/contraction/builder.h"

// A b that is not contiguous in the lanes is copied into panels first, in a launch of its own:
//
//   parallel tile, other axes of b, k… { for kk { vector c { to[…][tile][k][c] = from[…] } } }
//
// The axis along which b is contiguous goes in blocks and the columns in strips of a vector, so
// that each line that is read is used up.
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kStrip = 16;     // columns of a strip
constexpr std::int64_t kMaxBlock = 32;  // steps of k in a block

std::int64_t largest_divisor(std::int64_t n, std::int64_t limit) {
  for (std::int64_t d = limit; d > 1; --d) {
    if (n % d == 0) return d;
  }
  return 1;
}

}  // namespace

std::vector<int> ContractionBuilder::panel_axes() const {
  std::vector<int> r;
  for (int i = 0; i < axes(); ++i) {
    if (i != choice_.vector_axis && !axis(i).summed() && axis(i).b != 0) r.push_back(i);
  }
  return r;
}

std::int64_t ContractionBuilder::vector_tiles() const {
  return (axis(choice_.vector_axis).extent + choice_.vector_tile - 1) / choice_.vector_tile;
}

Expr ContractionBuilder::packed_place(kir::Pool& p, const std::vector<Expr>& at, Expr tile,
                                      Expr column) const {
  const std::vector<int> summed = summed_axes();
  const Expr panel = flat_index(p, spec_.axes, panel_axes(), at) * p.integer(vector_tiles()) + tile;
  const Expr row = panel * p.integer(extent(summed)) + flat_index(p, spec_.axes, summed, at);
  return row * p.integer(choice_.vector_tile) + column;
}

// One panel of `width` columns at one place of the loops around it; `inner` is the block of k.
Block ContractionBuilder::pack_tile(kir::Pool& p, kir::BufferId from, kir::BufferId to,
                                    std::vector<Expr> at, Expr tile, std::int64_t width,
                                    const LoopDim& inner) const {
  const DType dtype = b_.plan.buffers[static_cast<std::size_t>(spec_.b_buffer)].dtype;
  Block strips;
  for (std::int64_t start = 0; start < width; start += kStrip) {
    const Expr c = p.var(std::min(kStrip, width - start), "c");
    const Expr column = c + p.integer(start);
    at[static_cast<std::size_t>(choice_.vector_axis)] =
        tile * p.integer(choice_.vector_tile) + column;
    Block copy;
    copy.push_back(
        kir::Store{to, packed_place(p, at, tile, column), p.load(from, dtype, place_b(p, at)), {}});
    Block strip = in_loop(c, LoopKind::Vector, std::move(copy));
    append(&strips, in_loop(inner.var, LoopKind::Serial, std::move(strip)));
  }
  return strips;
}

void ContractionBuilder::pack_b() {
  const std::vector<int> others = panel_axes(), summed = summed_axes();
  const std::int64_t tiles = vector_tiles();
  packed_ =
      b_.add_scratch("panels", b_.plan.buffers[static_cast<std::size_t>(spec_.b_buffer)].dtype,
                     extent(others) * tiles * extent(summed) * choice_.vector_tile);
  kir::Kernel kernel;
  kernel.name = "pack";
  Lowerer lower = b_.lowerer(kernel);
  const kir::BufferId from = lower.param(spec_.b_buffer), to = lower.written_param(packed_);
  kir::Pool& p = *kernel.pool;

  // The loops around a panel in the order of b's memory, and where they put every axis.
  std::vector<LoopDim> loops;
  std::vector<Expr> at(spec_.axes.size(), p.integer(0));
  std::vector<int> order = others;
  order.insert(order.end(), summed.begin(), summed.end());
  std::stable_sort(order.begin(), order.end(),
                   [&](int i, int j) { return std::abs(axis(i).b) > std::abs(axis(j).b); });
  LoopDim inner{p.integer(0)};
  for (const int i : order) {
    const bool blocked = i == order.back();
    if (blocked) inner.extent = largest_divisor(axis(i).extent, kMaxBlock);
    const std::int64_t steps = axis(i).extent / (blocked ? inner.extent : 1);
    loops.push_back({loop_var(p, steps, axis(i).name), steps});
    at[static_cast<std::size_t>(i)] = loops.back().var;
    if (inner.extent > 1) {
      inner.var = p.var(inner.extent, "kk");
      at[static_cast<std::size_t>(i)] = loops.back().var * p.integer(inner.extent) + inner.var;
    }
  }

  const Expr tile = loop_var(p, tiles, "tile");
  loops.insert(loops.begin(), {tile, tiles});
  const auto panel = [&](std::int64_t width) {
    return pack_tile(p, from, to, at, tile, width, inner);
  };
  const std::int64_t last = axis(choice_.vector_axis).extent - (tiles - 1) * choice_.vector_tile;
  Block body;
  if (last == choice_.vector_tile) {
    body = panel(last);
  } else {
    body.push_back(kir::If{kir::lt(tile, p.integer(tiles - 1)),
                           std::make_shared<Block>(panel(choice_.vector_tile)),
                           std::make_shared<Block>(panel(last))});
  }
  const std::int64_t elements = extent(order) * axis(choice_.vector_axis).extent;
  kernel.body.push_back(share_loops(p, loops, std::move(body), enough_tasks(b_.target, elements)));
  b_.launch(std::move(kernel), lower, {},
            fmt::format("pack b of {} into panels of {}", g_.core->op->name, choice_.vector_tile),
            0);
}

}  // namespace lilith::schedule
