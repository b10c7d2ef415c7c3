#include "schedule/cpu/contraction/blocked.h"
#include "schedule/cpu/contraction/packed_sums.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/contraction/tile_cycles.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

ContractionSpec cut_sum(ContractionSpec spec, int axis, std::int64_t cut) {
  if (axis < 0) return spec;
  Axis& outer = spec.axes[static_cast<std::size_t>(axis)];
  Axis inner = outer;
  inner.extent = cut;
  inner.name += "i";
  outer.extent /= cut;
  outer.a *= cut;
  outer.b *= cut;
  spec.axes.insert(spec.axes.begin() + axis + 1, std::move(inner));
  return spec;
}

ContractionSpec cut_for(const ContractionSpec& spec, const BlockSchedule& schedule) {
  return cut_sum(cut_sum(spec, schedule.cut_axis, schedule.cut), schedule.pair_axis,
                 schedule.packed);
}

std::string BlockSchedule::name(const std::vector<Axis>& axes, bool pooled) const {
  std::string text = tile.name(axes, pooled);
  text += fmt::format(", blocks of {} x {} tiles", row_tiles, column_tiles);
  if (cut_axis >= 0)
    text += fmt::format(" x {} {}", axes[static_cast<std::size_t>(cut_axis)].name, cut);
  if (copy_a) text += ", a copied";
  if (copy_b) text += ", b copied";
  if (pair_axis >= 0) text += packed == 2 ? ", in pairs" : ", in fours";
  return text;
}

BlockedTiles::BlockedTiles(Builder& b, const Product& g, const ContractionSpec& spec,
                           const Layout& layout, const BlockSchedule& schedule)
    : Tiles(b, g, cut_for(spec, schedule), layout, schedule.tile), blocks_(schedule) {
  for (const int i : summed_axes())
    if (i != pair_axis())
      (blocks_.cut_axis >= 0 && i <= blocks_.cut_axis ? outer_ : inner_).push_back(i);
  sum_blocks_ = extent(outer_);
}

std::string BlockedTiles::how() const { return blocks_.name(spec_.axes, g_.pool != nullptr); }

BlockedTiles::Loops BlockedTiles::make_loops() {
  Loops loops;
  for (const TileLoop& l : tile_loops()) {
    if (l.axis == schedule_.vector_axis)
      loops.columns = l;
    else if (axis(l.axis).b != 0)
      loops.batches.push_back(l);
    else
      loops.rows.push_back(l);
  }
  for (const TileLoop& l : loops.rows) {
    loops.row_steps *= l.steps;
    loops.rows_open |= axis(l.axis).varies;
  }
  return loops;
}

void BlockedTiles::emit_loops() {
  const Loops loops = make_loops();
  const std::int64_t rows = blocks_.row_tiles * schedule_.rows();
  if (sum_blocks_ > 1)
    partial_ = kernel_.add_buffer(
        "partial", dtype_, rows * schedule_.vector_tile * blocks_.column_tiles, kir::Space::Thread);
  if (blocks_.copy_a)
    copy_ = kernel_.add_buffer("a", copied_dtype(), rows * extent(inner_), kir::Space::Thread);
  if (blocks_.copy_b)
    columns_ =
        kernel_.add_buffer("b", dtype_, schedule_.vector_tile * extent(inner_), kir::Space::Thread);
  const std::int64_t row_blocks = divide_up(loops.row_steps, blocks_.row_tiles),
                     column_blocks = divide_up(loops.columns.steps, blocks_.column_tiles);
  std::vector<LoopDim> dims;
  for (const TileLoop& l : loops.batches) dims.push_back({l.var, l.steps, false, l.typical});
  const Expr row_block = loop_var(pool(), row_blocks, "rows"),
             column_block = loop_var(pool(), column_blocks, "columns");
  std::int64_t typical_rows = 1;
  for (const TileLoop& l : loops.rows) typical_rows *= l.typical;
  dims.push_back({row_block, row_blocks, false, divide_up(typical_rows, blocks_.row_tiles)});
  dims.push_back(
      {column_block, column_blocks, false, divide_up(loops.columns.typical, blocks_.column_tiles)});
  at_ = zeros();
  for (const TileLoop& l : loops.batches) at_[static_cast<std::size_t>(l.axis)] = l.var;
  Block body = block_of_sum(loops, row_block, column_block);
  kernel_.body.push_back(share_loops(pool(), dims, std::move(body), tasks()));
}

// All tiles of a block, once for each block of the sum.
Block BlockedTiles::block_of_sum(const Loops& loops, Expr row_block, Expr column_block) {
  sum_block_ = loop_var(pool(), sum_blocks_, "block");
  std::vector<LoopDim> dims;
  std::vector<Expr> by;
  for (const int i : outer_) {
    dims.push_back({loop_var(pool(), axis(i).extent, axis(i).name), axis(i).extent});
    at_[static_cast<std::size_t>(i)] = dims.back().var;
  }
  if (!outer_.empty()) split_index(sum_block_, proper_loops(dims), &by);
  for (const int i : outer_) {
    Expr& at = at_[static_cast<std::size_t>(i)];
    at = kir::substitute(at, by);
  }
  Block body;
  if (copy_ >= 0) body = copy_block(loops, row_block);
  append(&body, tiles_of_block(loops, row_block, column_block));
  return in_loop(sum_block_, LoopKind::Serial, std::move(body));
}

std::vector<TileLoop> BlockedTiles::rows_at(const Loops& loops, Expr step) {
  std::vector<TileLoop> rows = loops.rows;
  std::vector<LoopDim> dims;
  for (const TileLoop& l : rows) {
    if (l.steps > 1) dims.push_back({l.var, l.steps});
  }
  std::vector<Expr> by;
  if (!dims.empty()) split_index(step, dims, &by);
  for (TileLoop& l : rows) l.var = kir::substitute(l.var, by);
  return rows;
}

Block BlockedTiles::tiles_of_block(const Loops& loops, Expr row_block, Expr column_block) {
  row_tile_ = loop_var(pool(), blocks_.row_tiles, "row");
  column_tile_ = loop_var(pool(), blocks_.column_tiles, "column");
  const Expr row_step = row_block * number(blocks_.row_tiles) + row_tile_,
             column_step = column_block * number(blocks_.column_tiles) + column_tile_;
  std::vector<TileLoop> at = rows_at(loops, row_step);
  at.push_back(loops.columns);
  at.back().var = column_step;
  Block body = tile_cases(at, 0, {}, [&](const std::vector<std::int64_t>& sizes) {
    return one_tile(make_tile(at, sizes, at_));
  });
  if (loops.rows_open || loops.row_steps % blocks_.row_tiles != 0)
    body = only_where(kir::lt(row_step, number(loops.row_steps)), std::move(body));
  body = in_loop(row_tile_, LoopKind::Serial, std::move(body));
  if (columns_ >= 0) {
    Block copy = copy_columns(at.back());
    append(&copy, std::move(body));
    body = std::move(copy);
  }
  if (axis(loops.columns.axis).varies || loops.columns.steps % blocks_.column_tiles != 0)
    body = only_where(kir::lt(column_step, number(loops.columns.steps)), std::move(body));
  return in_loop(column_tile_, LoopKind::Serial, std::move(body));
}

// Where a tile's sum waits for the next block: each tile in one piece.
Expr BlockedTiles::partial_place(const ResultTile& tile) {
  const Expr which = column_tile_ * number(blocks_.row_tiles) + row_tile_;
  return (which * number(schedule_.rows()) + tile.row) * number(schedule_.vector_tile) +
         tile.column;
}

Block BlockedTiles::one_tile(const ResultTile& tile) {
  const kir::RegId acc = add_accumulator(tile);
  Block body = tile.before;
  body.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
  Block last = epilogue_of_tile(acc, tile), ahead;
  if (const auto reads = reads_ahead(tile, last); !reads.empty()) {
    fetches_ahead_ = true;
    const Expr row = pool().var(tile.row_count, "row");
    ahead = in_loop(row, LoopKind::Serial, prefetch_row(tile, reads, row));
  }
  if (sum_blocks_ == 1) {
    append(&body, std::move(ahead));
    append(&body, inner_sum(acc, tile, inner_));
    append(&body, std::move(last));
    return body;
  }
  const Expr place = partial_place(tile);
  const Expr is_last = kir::lt(number(sum_blocks_ - 2), sum_block_);
  Block load{kir::SetReg{acc, {tile.row, tile.column}, pool().load(partial_, dtype_, place)}},
      store{kir::Store{partial_, place, read(acc, tile), {}}};
  append(&body, only_where(kir::lt(number(0), sum_block_), over_tile(tile, std::move(load))));
  if (!ahead.empty()) append(&body, only_where(is_last, std::move(ahead)));
  append(&body, inner_sum(acc, tile, inner_));
  body.push_back(kir::If{is_last, std::make_shared<Block>(std::move(last)),
                         std::make_shared<Block>(over_tile(tile, std::move(store)))});
  return body;
}

bool BlockedTiles::along_sum() const {
  if (inner_.empty() || schedule_.row_axes.empty()) return true;
  return std::abs(axis(inner_.back()).a) <= std::abs(axis(schedule_.row_axes.back()).a);
}

// The copy holds tile after tile of rows; in each, the sum's steps of every row, or the rows of
// every step: as a itself has them next to each other.
Expr BlockedTiles::copied_place(const ResultTile& tile) {
  const Expr k = flat_index(pool(), spec_.axes, inner_, tile.at);
  const std::int64_t steps = extent(inner_);
  if (along_sum()) return (row_tile_ * number(schedule_.rows()) + tile.row) * number(steps) + k;
  return (row_tile_ * number(steps) + k) * number(schedule_.rows()) + tile.row;
}

Expr BlockedTiles::tile_a(const ResultTile& tile) {
  if (copy_ < 0) return Tiles::tile_a(tile);
  return pool().load(copy_, copied_dtype(), copied_place(tile));
}

// What the copy holds of a.
Expr BlockedTiles::copied_element(ResultTile tile) {
  if (pair_axis() < 0) return Tiles::tile_a(tile);
  std::vector<Expr> steps;
  for (std::int64_t k = 0; k < axis(pair_axis()).extent; ++k) {
    tile.at[static_cast<std::size_t>(pair_axis())] = number(k);
    steps.push_back(Tiles::tile_a(tile));
  }
  return pack_steps(steps);
}

Block BlockedTiles::copy_block(const Loops& loops, Expr row_block) {
  row_tile_ = loop_var(pool(), blocks_.row_tiles, "row");
  const Expr row_step = row_block * number(blocks_.row_tiles) + row_tile_;
  const std::vector<TileLoop> at = rows_at(loops, row_step);
  Block body = tile_cases(at, 0, {}, [&](const std::vector<std::int64_t>& sizes) {
    return copy_tile(make_tile(at, sizes, at_));
  });
  if (loops.rows_open || loops.row_steps % blocks_.row_tiles != 0)
    body = only_where(kir::lt(row_step, number(loops.row_steps)), std::move(body));
  return in_loop(row_tile_, LoopKind::Serial, std::move(body));
}

std::vector<LoopDim> BlockedTiles::walk_sum(ResultTile* tile) {
  std::vector<LoopDim> sum;
  for (const int i : inner_) {
    sum.push_back({loop_var(pool(), axis(i).extent, axis(i).name), axis(i).extent});
    tile->at[static_cast<std::size_t>(i)] = sum.back().var;
  }
  return sum;
}

Expr BlockedTiles::copied_column(const ResultTile& tile) {
  return flat_index(pool(), spec_.axes, inner_, tile.at) * number(schedule_.vector_tile) +
         tile.column;
}

Expr BlockedTiles::tile_b(const ResultTile& tile) {
  if (columns_ < 0) return Tiles::tile_b(tile);
  return pool().load(columns_, dtype_, copied_column(tile));
}

Block BlockedTiles::copy_columns(const TileLoop& columns) {
  return tile_cases({columns}, 0, {}, [&](const std::vector<std::int64_t>& sizes) {
    ResultTile t = make_tile({columns}, sizes, at_);
    std::vector<LoopDim> loops = walk_sum(&t);
    Block copy{kir::Store{columns_, copied_column(t), Tiles::tile_b(t), {}}};
    loops.push_back({t.column, t.columns});
    Block body = t.before;
    append(&body, nest(loops, std::move(copy), LoopKind::Vector));
    return body;
  });
}

// The rows of a tile; the lanes run where a is contiguous.
Block BlockedTiles::copy_tile(const ResultTile& tile) {
  ResultTile t = tile;
  const std::vector<LoopDim> sum = walk_sum(&t);
  Block copy{kir::Store{copy_, copied_place(t), copied_element(t), {}}};
  std::vector<LoopDim> loops = along_sum() ? t.rows : sum;
  const std::vector<LoopDim>& inside = along_sum() ? sum : t.rows;
  loops.insert(loops.end(), inside.begin(), inside.end());
  Block body = t.before;
  append(&body, nest(proper_loops(std::move(loops)), std::move(copy), LoopKind::Vector));
  return body;
}

}  // namespace lilith::schedule
