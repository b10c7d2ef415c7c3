#include <algorithm>

#include "schedule/cpu/contraction/tiles.h"

#include <fmt/format.h>

#include "schedule/cpu/contraction/epilogue_facts.h"
#include "schedule/cpu/contraction/packed_sums.h"
#include "schedule/cpu/contraction/tile_cycles.h"
#include "schedule/kernel/epilogue.h"

// Register tiles over the result: which loops walk over them, what one of them sums, and the
// epilogue that stores it.
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

std::int64_t TileSchedule::tile_of(int axis) const {
  if (axis == vector_axis) return vector_tile;
  const auto row = std::find(row_axes.begin(), row_axes.end(), axis);
  return row == row_axes.end() ? 1 : row_tiles[static_cast<std::size_t>(row - row_axes.begin())];
}

std::int64_t TileSchedule::rows() const {
  std::int64_t n = 1;
  for (const std::int64_t t : row_tiles) n *= t;
  return n;
}

std::string TileSchedule::name(const std::vector<Axis>& axes, bool pooled) const {
  const auto name_of = [&](int i) { return axes[static_cast<std::size_t>(i)].name; };
  std::string rows, split;
  for (std::size_t k = 0; k < row_axes.size(); ++k)
    rows += fmt::format("{}{}:{}", k ? "," : "", name_of(row_axes[k]), row_tiles[k]);
  for (const int i : split_axes) split += " " + name_of(i);
  std::string text = fmt::format("tile rows {} x lanes {}:{}", rows.empty() ? "1" : rows,
                                 name_of(vector_axis), vector_tile);
  if (pooled) text += ", pooled";
  if (swap) text += ", operands swapped";
  if (pack_b) text += ", b in panels";
  if (in_rows) text += ", epilogue in rows";
  if (!split.empty()) text += fmt::format(", sum split over{} in {} chunks", split, chunks);
  return text;
}

Tiles::Tiles(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
             const TileSchedule& schedule)
    : ProductKernel(b, g, schedule.swap ? spec.swapped() : spec, layout), schedule_(schedule) {}

void Tiles::emit() {
  if (schedule_.pack_b) {
    panels_ = std::make_unique<Panels>(b_, spec_, schedule_.vector_axis, schedule_.vector_tile,
                                       pair_axis());
    panels_->fill(g_.core->op->name);
  }
  if (schedule_.in_rows && schedule_.split_axes.empty()) keep_for_rows();
  emit_loops();
  store_kept();
  launch(how() + (fetches_ahead_ ? ", epilogue fetched ahead" : ""));
}

std::string Tiles::how() const { return schedule_.name(spec_.axes, g_.pool != nullptr); }

namespace {

// Vector operations of an epilogue that are written out; above, it is a loop.
constexpr std::int64_t kMaxEpilogue = 200;
// Vector FMAs of an innermost sum that is written out: the loop around it would cost as much as its
// body.
constexpr std::int64_t kMaxUnrolledSum = 48;
// Along an extent that varies: the half of a tile that lies beyond counts up to here.
constexpr std::int64_t kFewTiles = 16;

}  // namespace

// Loops over the result, outermost first. A small b stays in the cache: it is walked innermost. A
// large one: a panel at a time, all rows under it.
std::vector<TileLoop> Tiles::tile_loops() {
  std::vector<TileLoop> rows, others, vec;
  const auto add = [&](std::vector<TileLoop>* list, int i, std::int64_t tile) {
    const std::int64_t steps = divide_up(axis(i).extent, tile);
    list->push_back(
        {i, tile, loop_var(pool(), steps, axis(i).name), steps, typical_steps(i, tile)});
  };
  for (int i = 0; i < axes(); ++i) {
    if (axis(i).summed() || i == schedule_.vector_axis) continue;
    const auto& of_rows = schedule_.row_axes;
    const bool is_row = std::find(of_rows.begin(), of_rows.end(), i) != of_rows.end();
    add(is_row ? &rows : &others, i, schedule_.tile_of(i));
  }
  add(&vec, schedule_.vector_axis, schedule_.vector_tile);
  const bool small = schedule_.b_is_small;
  std::vector<TileLoop> order;
  if (!small) order = vec;
  order.insert(order.end(), others.begin(), others.end());
  order.insert(order.end(), rows.begin(), rows.end());
  if (small) order.insert(order.end(), vec.begin(), vec.end());
  std::erase_if(order, [](const TileLoop& l) { return l.steps == 1 && l.tile == 1; });
  return order;
}

// The code of every combination of full and remaining tiles, chosen by the loops' variables.
Block Tiles::tile_cases(const std::vector<TileLoop>& loops, std::size_t k,
                        std::vector<std::int64_t> sizes,
                        const std::function<Block(const std::vector<std::int64_t>&)>& emit) {
  if (k == loops.size()) return emit(sizes);
  const TileLoop& l = loops[k];
  sizes.push_back(l.tile);
  if (const std::int64_t narrow = narrow_tile(l.axis); narrow > 0) {
    Block block;
    const Expr left = left_from(l.axis, l.var * number(l.tile), true, &block);
    Block full = tile_cases(loops, k + 1, sizes, emit);
    sizes.back() = narrow;
    Block last = tile_cases(loops, k + 1, std::move(sizes), emit);
    block.push_back(kir::If{kir::lt(number(narrow), left), std::make_shared<Block>(std::move(full)),
                            std::make_shared<Block>(std::move(last))});
    return block;
  }
  if (is_masked(l.axis)) return tile_cases(loops, k + 1, std::move(sizes), emit);
  return full_or_last(l.var, axis(l.axis).extent, l.tile, [&](std::int64_t size) {
    sizes.back() = size;
    return tile_cases(loops, k + 1, sizes, emit);
  });
}

// Along an extent that varies all tiles are full ones, and the last reaches beyond: kernels for
// other extents are then the same but for numbers.
bool Tiles::is_masked(int i) const {
  return may_mask() && g_.pool == nullptr && axis(i).varies && schedule_.tile_of(i) > 1;
}

// The lanes' last tile may have half of the vectors, where tiles are so few that those which are
// masked whole would count. 0: it is like the others.
std::int64_t Tiles::narrow_tile(int i) const {
  if (i != schedule_.vector_axis || !is_masked(i)) return 0;
  const std::int64_t lanes = b_.target.lanes(dtype_), vectors = schedule_.vector_tile / lanes;
  const bool few = typical_steps(i, schedule_.vector_tile) <= kFewTiles;
  return few && vectors > 1 ? divide_up(vectors, 2) * lanes : 0;
}

// How many elements an axis has from there on. `open`: what is simplified does not look at it.
Expr Tiles::left_from(int i, Expr first, bool open, Block* before) {
  const Expr left = number(axis(i).extent) - first;
  return open || is_small() ? unknown("left", left, before) : left;
}

// The tile that the loops stand at; `at` holds what is known of axes outside of them.
ResultTile Tiles::make_tile(const std::vector<TileLoop>& loops,
                            const std::vector<std::int64_t>& sizes, std::vector<Expr> at) {
  ResultTile t;
  std::int64_t columns = schedule_.vector_tile;
  t.step = number(0);
  t.left.resize(spec_.axes.size());
  for (std::size_t k = 0; k < loops.size(); ++k) {
    const TileLoop& l = loops[k];
    if (l.axis == schedule_.vector_axis) {
      columns = sizes[k];
      t.step = l.var;
      continue;
    }
    Expr& place = at[static_cast<std::size_t>(l.axis)];
    place = l.var * number(l.tile);
    if (sizes[k] == 1) continue;
    t.add_row(pool(), pool().var(sizes[k], "r"), sizes[k]);
    t.row_axes.push_back(l.axis);
    const Expr row = t.rows.back().var;
    if (is_masked(l.axis)) {
      Expr& left = t.left[static_cast<std::size_t>(l.axis)];
      left = left_from(l.axis, place, false, &t.before);
      t.row_inside = kir::logical_and(t.row_inside, kir::lt(row, left));
    }
    place = place + row;
  }
  t.add_columns(pool(), columns);
  Expr& column = at[static_cast<std::size_t>(schedule_.vector_axis)];
  const Expr first = t.step * number(schedule_.vector_tile);
  column = first + t.column;
  if (is_masked(schedule_.vector_axis)) {
    const bool narrow = columns < schedule_.vector_tile;
    const Expr left = left_from(schedule_.vector_axis, first, narrow, &t.before);
    t.column_inside = kir::lt(t.column, left);
  }
  t.at = std::move(at);
  return t;
}

// Rows beyond the result are the last one again: what they give is not stored.
Expr Tiles::tile_a(const ResultTile& tile) {
  std::vector<Expr> at = tile.at;
  for (std::size_t k = 0; k < tile.row_axes.size(); ++k) {
    const auto i = static_cast<std::size_t>(tile.row_axes[k]);
    const Expr row = tile.rows[k].var;
    if (tile.left[i]) at[i] = at[i] - row + kir::min(row, tile.left[i] - number(1));
  }
  return load_a(at, axis(schedule_.vector_axis).a == 0 ? Expr() : tile.column_inside);
}

Block Tiles::inside(const ResultTile& tile, Block block) const {
  const Expr where = kir::logical_and(tile.row_inside, tile.column_inside);
  return where ? only_where(where, std::move(block)) : block;
}

kir::RegId Tiles::add_accumulator(const ResultTile& tile) {
  return kernel_.add_reg("acc", dtype_, {tile.row_count, tile.columns});
}

Expr Tiles::read(kir::RegId acc, const ResultTile& tile) {
  return pool().read(acc, dtype_, {tile.row, tile.column});
}

Expr Tiles::tile_b(const ResultTile& tile) {
  if (!panels_) return load_b(tile.at, tile.column_inside);
  return lower_.load(panels_->buffer(), panels_->place(pool(), tile.at, tile.step, tile.column),
                     pair_axis() < 0 ? dtype_ : DType::I32);
}

// Of its innermost sum. Steps that are written out keep what their windows share in registers:
// where these are too few for that, the loop stays, however short.
bool Tiles::is_written_out(const ResultTile& tile, int inner) const {
  if (axis(inner).varies) return false;
  const std::int64_t vectors = divide_up(tile.columns, b_.target.lanes(dtype_));
  const Window window = tile.row_axes.empty()
                            ? Window{}
                            : window_of(spec_.axes, schedule_.vector_axis, tile.row_axes.back());
  return window.shift > 0 ? window.is_written_out(b_.target, tile.row_count, vectors)
                          : axis(inner).extent * tile.row_count * vectors <= kMaxUnrolledSum;
}

// Adds a * b over the `summed` axes to the accumulators.
Block Tiles::inner_sum(kir::RegId acc, ResultTile tile, const std::vector<int>& summed) {
  for (const int i : summed)
    tile.at[static_cast<std::size_t>(i)] = pool().var(axis(i).extent, axis(i).name);
  const Expr x = tile_a(tile), y = tile_b(tile);
  Block step;
  if (pair_axis() >= 0)
    step.push_back(kir::SetReg{
        acc, {tile.row, tile.column}, add_packed(x, y, read(acc, tile), spec_.a_dtype)});
  else if (is_floating(dtype_))
    step.push_back(kir::Accumulate{acc, {tile.row, tile.column}, kir::Combine::Add, y, x, {}});
  else
    step.push_back(kir::Accumulate{acc, {tile.row, tile.column}, kir::Combine::Add, x * y, {}, {}});
  Block sum = over_tile(tile, std::move(step));
  for (auto it = summed.rbegin(); it != summed.rend(); ++it) {
    const bool unroll = it == summed.rbegin() && is_written_out(tile, *it);
    sum = in_loop(tile.at[static_cast<std::size_t>(*it)],
                  unroll ? LoopKind::Unroll : LoopKind::Serial, std::move(sum));
  }
  return sum;
}

// The epilogue's reads that are worth fetching while the sum runs: lines of arrays too large to be
// in the L1 cache still, in rows too short for the hardware to foresee.
std::vector<Access> Tiles::reads_ahead(const ResultTile& tile, const Block& epilogue) const {
  if (std::ranges::any_of(spec_.axes, &Axis::varies)) return {};  // how large they are varies too
  std::vector<Expr> values;
  const std::function<void(const Block&)> visit = [&](const Block& block) {
    for (const kir::Stmt& s : block) {
      if (s.kind == kir::Stmt::Kind::For) visit(*s.loop.body);
      if (s.kind == kir::Stmt::Kind::Store) values.push_back(s.store.value);
    }
  };
  visit(epilogue);
  double bytes = 0;
  std::vector<Access> reads;
  for (const Access& a : loads_of(values, kernel_)) {
    const auto form = kir::affine(a.address);
    const bool rows = std::any_of(tile.rows.begin(), tile.rows.end(), [&](const auto& r) {
      return form && form->coefficient(static_cast<kir::VarId>(r.var->i)) != 0;
    });
    if (!rows || kernel_.buffers[static_cast<std::size_t>(a.buffer)].space != kir::Space::Param ||
        form->coefficient(static_cast<kir::VarId>(tile.column->i)) != 1) {
      continue;
    }
    bytes += a.bytes;
    reads.push_back(a);
  }
  if (bytes <= static_cast<double>(b_.target.l1_bytes)) reads.clear();
  return reads;
}

// Asks for one row of the tile, given its number.
Block Tiles::prefetch_row(const ResultTile& tile, const std::vector<Access>& reads, Expr row) {
  std::vector<Expr> by;
  split_index(row, tile.rows, &by);
  Block block;
  for (const Access& a : reads) {
    const auto size = static_cast<std::int64_t>(
        size_of(kernel_.buffers[static_cast<std::size_t>(a.buffer)].dtype));
    // A row that begins inside a line ends inside another.
    for (std::int64_t c = 0; c < tile.columns + kLine / size - 1; c += kLine / size) {
      set_var(&by, tile.column, number(std::min(c, tile.columns - 1)));
      block.push_back(kir::Prefetch{a.buffer, kir::substitute(a.address, by)});
    }
  }
  return block;
}

// The sum of a tile; its outermost loop is cut so that each part asks for one row of `reads`.
Block Tiles::sum_with_prefetch(kir::RegId acc, ResultTile tile, const std::vector<Access>& reads) {
  std::vector<int> summed = summed_axes();
  if (reads.empty() || summed.empty()) return inner_sum(acc, std::move(tile), summed);
  fetches_ahead_ = true;
  const std::int64_t extent = axis(summed[0]).extent, steps = extent / tile.row_count;
  const Expr row = pool().var(tile.row_count, "row");
  if (steps == 0) {
    Block block = in_loop(row, LoopKind::Serial, prefetch_row(tile, reads, row));
    append(&block, inner_sum(acc, std::move(tile), summed));
    return block;
  }
  Expr& k = tile.at[static_cast<std::size_t>(summed[0])];
  summed.erase(summed.begin());
  const Expr step = pool().var(steps, "k");
  k = row * number(steps) + step;
  Block part = prefetch_row(tile, reads, row);
  append(&part, in_loop(step, LoopKind::Serial, inner_sum(acc, tile, summed)));
  Block sum = in_loop(row, LoopKind::Serial, std::move(part));
  if (const std::int64_t rest = extent - steps * tile.row_count; rest > 0) {
    const Expr last = pool().var(rest, "k");
    k = number(extent - rest) + last;
    append(&sum, in_loop(last, LoopKind::Serial, inner_sum(acc, tile, summed)));
  }
  return sum;
}

Block Tiles::whole_tile(const ResultTile& tile) {
  const kir::RegId acc = add_accumulator(tile);
  Block body = tile.before;
  body.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
  Block last = epilogue_of_tile(acc, tile);
  append(&body, sum_with_prefetch(acc, tile, reads_ahead(tile, last)));
  append(&body, std::move(last));
  return body;
}

void Tiles::emit_loops() {
  const std::vector<TileLoop> loops = tile_loops();
  Block body = tile_cases(loops, 0, {}, [&](const std::vector<std::int64_t>& sizes) {
    return whole_tile(make_tile(loops, sizes, zeros()));
  });
  std::vector<LoopDim> dims;
  for (const TileLoop& l : loops) dims.push_back({l.var, l.steps, false, l.typical});
  kernel_.body.push_back(share_loops(pool(), dims, std::move(body), tasks()));
}

// Written out once per register a heavy epilogue would be many pages of code: the tile then goes
// through the L1 cache, and the epilogue is a loop.
Block Tiles::epilogue_of_tile(kir::RegId acc, const ResultTile& tile) {
  if (g_.pool != nullptr) return pooled_epilogue(acc, tile);
  if (keeps()) return over_tile(tile, store_result(tile.at, read(acc, tile)));
  if (!heavy_epilogue(tile.elements()))
    return over_tile(tile, inside(tile, epilogue(out_index(tile.at), read(acc, tile))));
  const kir::BufferId memory =
      kernel_.add_buffer("tile", dtype_, tile.elements(), kir::Space::Thread);
  const Expr place = tile.row * number(tile.columns) + tile.column;
  Block spill;
  spill.push_back(kir::Store{memory, place, read(acc, tile), {}});
  Block body = over_tile(tile, std::move(spill));
  Block stores = epilogue(out_index(tile.at), pool().load(memory, dtype_, place));
  append(&body, over_tile(tile, inside(tile, std::move(stores)), LoopKind::Serial));
  return body;
}

// The results have one element a window; each looks at the window's elements in the tile.
Block Tiles::pooled_epilogue(kir::RegId acc, const ResultTile& tile) {
  ResultTile windows = tile;
  std::vector<Expr> first = tile.at;  // the tile's first row
  for (std::size_t k = 0; k < tile.rows.size(); ++k) {
    const auto i = static_cast<std::size_t>(tile.row_axes[k]);
    const LoopDim& rows = tile.rows[k];
    const std::int64_t unit = spec_.axes[i].unit, n = rows.extent / unit;
    first[i] = tile.at[i] - rows.var;
    if (unit == 1) continue;
    const Expr w = loop_var(pool(), n, "w");
    windows.rows[k] = {w, n};
    windows.at[i] = kir::floor_div(first[i], unit) + w;
  }
  const auto element = [this, &tile, acc, first](const Index& at) {
    Expr row = number(0);
    for (std::size_t k = 0; k < tile.rows.size(); ++k) {
      const auto i = static_cast<std::size_t>(tile.row_axes[k]);
      const auto d = static_cast<std::size_t>(spec_.axes[i].out_dim);
      row = row * number(tile.rows[k].extent) + at[d] - first[i];
    }
    return pool().read(acc, dtype_, {row, tile.column});
  };
  return over_tile(windows, store_results(b_, g_, &lower_, out_index(windows.at), element));
}

bool Tiles::heavy_epilogue(std::int64_t elements) const {
  return epilogue_cost(b_, g_) * divide_up(elements, b_.target.lanes(dtype_)) > kMaxEpilogue;
}

}  // namespace lilith::schedule
