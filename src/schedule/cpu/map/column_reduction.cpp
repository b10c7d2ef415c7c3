#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/map/chunked_reduction.h"
#include "schedule/kernel/typical.h"

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
  std::int64_t shared_;  // tiles of the widest kind: what there is to share without chunks
  bool is_masked_;
  Expr row_, first_;      // of the kept loops around the columns; the tile's first column
  std::vector<Expr> by_;  // what replaces the loops' variables, but the inner one's
};

ColumnReduction::ColumnReduction(MapKernel& map) : ChunkedReduction(map), inner_(kept_.back()) {
  const auto reductions = static_cast<std::int64_t>(map.g.reduces.size());
  const std::int64_t widest = kColumnTile / std::max<std::int64_t>(1, reductions / 2);
  tile_ = std::max<std::int64_t>(16, widest);
  // Tiles of one size under a mask are the same code for every extent; sums are taken in chunks
  // where those of this extent alone would be.
  is_masked_ = map.b.varies(inner_.extent);
  shared_ = divide_up(inner_.extent, tile_);
  tile_ = std::min(tile_, is_masked_ ? std::max<std::int64_t>(16, typical_extent(inner_.extent))
                                     : inner_.extent);
}

std::string ColumnReduction::emit() {
  const std::int64_t rows = extent_of(reduced_), tiles = divide_up(inner_.extent, tile_);
  const std::vector<LoopDim> outer(kept_.begin(), kept_.end() - 1);
  const Expr task = begin(extent_of(outer) * tiles, extent_of(outer) * shared_);
  row_ = tiles == 1 ? task : kir::floor_div(task, tiles);
  if (!outer.empty()) split_index(row_, outer, &by_);
  const Expr tile = tiles == 1 ? pool().integer(0) : kir::floor_mod(task, tiles);
  first_ = tile * pool().integer(tile_);
  cut_loop(&by_);
  make_partials();
  const std::int64_t columns = is_masked_ ? tiles * tile_ : inner_.extent;
  finish(full_or_last(tile, columns, tile_, [&](std::int64_t width) { return tile_of(width); }));
  return fmt::format("column reduction, {} columns in tiles of {}, {} rows{}", extent_of(kept_),
                     tile_, rows, in_chunks());
}

Block ColumnReduction::tile_of(std::int64_t width) {
  const std::vector<Accumulator> accs = accumulators({width});
  const Expr c = pool().var(width, "c"), column = first_ + c;
  std::vector<Expr> by = by_;
  set_var(&by, inner_.var, column);
  Block task = declare(accs);
  const auto inside = [&](Block block) {
    if (is_masked_)
      block = only_where(kir::lt(column, pool().integer(inner_.extent)), std::move(block));
    return in_loop(c, LoopKind::Vector, std::move(block));
  };
  append(&task, over_reduced(reduced_, inside(point(accs, {c}, by))));
  const Expr element = row_ * pool().integer(inner_.extent) + column;
  append(&task, inside(store_sums(accs, {c}, element, by)));
  return task;
}

}  // namespace

std::string emit_column_reduction(MapKernel& map) { return ColumnReduction(map).emit(); }

}  // namespace lilith::schedule
