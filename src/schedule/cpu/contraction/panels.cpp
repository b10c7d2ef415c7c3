#include "schedule/cpu/contraction/panels.h"
#include "schedule/cpu/contraction/packed_sums.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/tasks.h"
#include "schedule/kernel/typical.h"

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

constexpr std::int64_t kMaxBlock = 32;  // steps of k in a block

std::int64_t largest_divisor(std::int64_t n, std::int64_t limit) {
  for (std::int64_t d = limit; d > 1; --d) {
    if (n % d == 0) return d;
  }
  return 1;
}

}  // namespace

Panels::Panels(Builder& b, const ContractionSpec& spec, int vector_axis, std::int64_t vector_tile,
               int pair_axis)
    : b_(b),
      spec_(spec),
      vector_axis_(vector_axis),
      pair_axis_(pair_axis),
      vector_tile_(vector_tile),
      tiles_(divide_up(axis(vector_axis).extent, vector_tile)),
      from_(b.plan.buffers[static_cast<std::size_t>(spec.b_buffer)].dtype),
      dtype_(pair_axis < 0 ? compute_dtype(from_) : DType::I32) {
  int& buffer =
      b.copies.try_emplace(key(spec, vector_axis, vector_tile, pair_axis), -1).first->second;
  filled_ = buffer >= 0;
  if (!filled_) {
    buffer = b.add_scratch(
        "panels", dtype_,
        extent_of(spec.axes, others()) * tiles_ * extent_of(spec.axes, summed()) * vector_tile);
  }
  buffer_ = buffer;
}

std::vector<std::int64_t> Panels::key(const ContractionSpec& spec, int vector_axis,
                                      std::int64_t vector_tile, int pair_axis) {
  const Axis& lanes = spec.axes[static_cast<std::size_t>(vector_axis)];
  std::vector<std::int64_t> key{spec.b_buffer, spec.b_offset, vector_tile, lanes.extent, lanes.b};
  for (const bool summed : {false, true}) {
    for (const Axis& x : spec.axes) {
      if (&x != &lanes && x.summed() == summed && (summed || x.b != 0))
        key.insert(key.end(), {x.extent, x.b});
    }
    key.push_back(-1);
  }
  if (pair_axis >= 0) key.push_back(pair_axis);
  return key;
}

std::vector<int> Panels::others() const {
  std::vector<int> r;
  for (int i = 0; i < static_cast<int>(spec_.axes.size()); ++i) {
    if (i != vector_axis_ && !axis(i).summed() && axis(i).b != 0) r.push_back(i);
  }
  return r;
}

std::vector<int> Panels::summed() const {
  std::vector<int> r;
  for (int i = 0; i < static_cast<int>(spec_.axes.size()); ++i) {
    if (axis(i).summed() && i != pair_axis_) r.push_back(i);
  }
  return r;
}

// Of b at a place, or the pair that begins there.
Expr Panels::element(kir::Pool& p, kir::BufferId from, std::vector<Expr> at, Expr guard) const {
  const auto load = [&] { return p.load(from, from_, spec_.place_b(p, at), guard); };
  if (pair_axis_ < 0) return load();
  std::vector<Expr> steps;
  for (std::int64_t k = 0; k < axis(pair_axis_).extent; ++k) {
    at[static_cast<std::size_t>(pair_axis_)] = p.integer(k);
    steps.push_back(load());
  }
  return pack_steps(steps);
}

Expr Panels::place(kir::Pool& p, const std::vector<Expr>& at, Expr tile, Expr column) const {
  const std::vector<int> k = summed();
  const Expr panel = flat_index(p, spec_.axes, others(), at) * p.integer(tiles_) + tile;
  const Expr row = panel * p.integer(extent_of(spec_.axes, k)) + flat_index(p, spec_.axes, k, at);
  return row * p.integer(vector_tile_) + column;
}

// One panel of `width` columns at one place of the loops around it; `inner` is the block of k, and
// what is `left` (null: enough) of the columns is copied.
Block Panels::tile_of(kir::Pool& p, kir::BufferId from, kir::BufferId to, std::vector<Expr> at,
                      Expr tile, std::int64_t width, const LoopDim& inner, Expr left) const {
  Block strips;
  const std::int64_t strip_width = b_.target.lanes(dtype_);
  for (std::int64_t start = 0; start < width; start += strip_width) {
    const Expr c = p.var(std::min(strip_width, width - start), "c");
    const Expr column = c + p.integer(start);
    at[static_cast<std::size_t>(vector_axis_)] = tile * p.integer(vector_tile_) + column;
    const Expr value = element(p, from, at, left ? kir::lt(column, left) : Expr());
    Block copy;
    copy.push_back(kir::Store{to, place(p, at, tile, column), value, {}});
    Block strip = in_loop(c, LoopKind::Vector, std::move(copy));
    append(&strips, in_loop(inner.var, LoopKind::Serial, std::move(strip)));
  }
  return strips;
}

Panels::Walk Panels::walk(kir::Pool& p) const {
  Walk w;
  w.at.assign(spec_.axes.size(), p.integer(0));
  w.inner.var = p.integer(0);
  std::vector<int> order = others();
  const std::vector<int> k = summed();
  order.insert(order.end(), k.begin(), k.end());
  std::stable_sort(order.begin(), order.end(),
                   [&](int i, int j) { return std::abs(axis(i).b) > std::abs(axis(j).b); });
  const ContractionSpec counted = typical_if_varying(spec_);
  w.elements =
      extent_of(counted.axes, order) * counted.axes[static_cast<std::size_t>(vector_axis_)].extent;
  for (const int i : order) {
    const bool blocked = i == order.back();
    // One that varies goes in one piece: how it divides would make other code.
    if (blocked)
      w.inner.extent = axis(i).varies ? axis(i).extent : largest_divisor(axis(i).extent, kMaxBlock);
    const std::int64_t steps = axis(i).extent / (blocked ? w.inner.extent : 1);
    const std::int64_t counted_steps =
        divide_up(counted.axes[static_cast<std::size_t>(i)].extent, blocked ? w.inner.extent : 1);
    w.loops.push_back({loop_var(p, steps, axis(i).name), steps, false, counted_steps});
    Expr& at = w.at[static_cast<std::size_t>(i)];
    at = w.loops.back().var;
    if (w.inner.extent > 1) {
      w.inner.var = p.var(w.inner.extent, "kk");
      at = w.loops.back().var * p.integer(w.inner.extent) + w.inner.var;
    }
  }
  return w;
}

void Panels::fill(const std::string& of) {
  if (filled_) return;
  kir::Kernel kernel;
  kernel.name = "pack";
  Lowerer lower = b_.lowerer(kernel);
  const kir::BufferId from = lower.param(spec_.b_buffer), to = lower.written_param(buffer_);
  kir::Pool& p = *kernel.pool;
  Walk w = walk(p);
  const Expr tile = loop_var(p, tiles_, "tile");
  const Axis& lanes = axis(vector_axis_);
  w.loops.insert(w.loops.begin(),
                 {tile, tiles_, false,
                  lanes.varies ? divide_up(typical_extent(lanes.extent), vector_tile_) : tiles_});
  // Beyond an extent that varies lie zeros: there is room for full panels.
  const bool full = axis(vector_axis_).varies;
  const std::int64_t columns = full ? tiles_ * vector_tile_ : axis(vector_axis_).extent;
  Block body = full_or_last(tile, columns, vector_tile_, [&](std::int64_t width) {
    Block one;
    Expr left;
    if (full)
      left =
          unknown(kernel, "left", p.integer(lanes.extent) - tile * p.integer(vector_tile_), &one);
    append(&one, tile_of(p, from, to, w.at, tile, width, w.inner, left));
    return one;
  });
  kernel.body.push_back(
      share_loops(p, w.loops, std::move(body), enough_tasks(b_.target, w.elements)));
  b_.launch(std::move(kernel), lower, {},
            fmt::format("pack b of {} into panels of {}", of, vector_tile_), 0);
}

}  // namespace lilith::schedule
