#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/map/chunked_reduction.h"

// Reductions whose innermost loop is kept: a sum in every lane, for a tile of columns at a time.
//
//   parallel tile { decl acc[tile]; for reduced { vector c { acc[c] += … } }
//     vector c { store acc[c] } }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kColumnTile = 128;  // columns whose accumulators stay in registers

class ColumnReduction : private ChunkedReduction {
 public:
  explicit ColumnReduction(MapKernel& map);
  std::string emit();

 private:
  Block tile_of(std::int64_t width);

  const LoopDim inner_;
  std::int64_t tile_;
  Expr row_, first_;      // of the kept loops around the columns; the tile's first column
  std::vector<Expr> by_;  // what replaces the loops' variables, but the inner one's
};

ColumnReduction::ColumnReduction(MapKernel& map) : ChunkedReduction(map), inner_(kept_.back()) {
  const auto reductions = static_cast<std::int64_t>(map.g.reduces.size());
  const std::int64_t widest = kColumnTile / std::max<std::int64_t>(1, reductions / 2);
  tile_ = std::min(inner_.extent, std::max<std::int64_t>(16, widest));
}

std::string ColumnReduction::emit() {
  const std::int64_t rows = extent_of(reduced_), tiles = divide_up(inner_.extent, tile_);
  const std::vector<LoopDim> outer(kept_.begin(), kept_.end() - 1);
  const Expr task = begin(extent_of(outer) * tiles);
  row_ = tiles == 1 ? task : kir::floor_div(task, tiles);
  if (!outer.empty()) split_index(row_, outer, &by_);
  const Expr tile = tiles == 1 ? pool().integer(0) : kir::floor_mod(task, tiles);
  first_ = tile * pool().integer(tile_);
  cut_loop(&by_);
  make_partials();
  finish(
      full_or_last(tile, inner_.extent, tile_, [&](std::int64_t width) { return tile_of(width); }));
  return fmt::format("column reduction, {} columns in tiles of {}, {} rows{}", extent_of(kept_),
                     tile_, rows, in_chunks());
}

Block ColumnReduction::tile_of(std::int64_t width) {
  const std::vector<Accumulator> accs = accumulators({width});
  const Expr c = pool().var(width, "c"), column = first_ + c;
  std::vector<Expr> by = by_;
  set_var(&by, inner_.var, column);
  Block task = declare(accs);
  append(&task, over_reduced(reduced_, in_loop(c, LoopKind::Vector, point(accs, {c}, by))));
  const Expr element = row_ * pool().integer(inner_.extent) + column;
  append(&task, in_loop(c, LoopKind::Vector, store_sums(accs, {c}, element, by)));
  return task;
}

}  // namespace

std::string emit_column_reduction(MapKernel& map) { return ColumnReduction(map).emit(); }

}  // namespace lilith::schedule
