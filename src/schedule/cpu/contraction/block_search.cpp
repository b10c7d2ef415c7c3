#include <algorithm>
#include <cmath>

#include "schedule/cpu/contraction/blocked.h"
#include "schedule/cpu/contraction/operand_walk.h"
#include "schedule/cpu/contraction/packed_sums.h"
#include "schedule/cpu/contraction/tile_cycles.h"
#include "schedule/cpu/tasks.h"

// The model of blocked products: cycles of one thread for tiles, copies and what passes between the
// caches, for every register tile that the registers hold.
namespace lilith::schedule {
namespace {

constexpr std::int64_t kLongestBlock = 512;  // steps of the sum
constexpr double kBlockLoops = 200;          // of the loops themselves: for small products
constexpr std::int64_t kUnforeseen = 2048;  // bytes between lines that the L1 cache asks for itself
constexpr double kFromL2 = 1;               // cycles of a vector of b that it did not
constexpr double kCopiedRows = 0.3;         // of an element that is copied in rows
constexpr std::int64_t kMostPartial = 1 << 19;  // bytes of sums that wait for the next block

class Search {
 public:
  /// `pairs`: the cycles of a vector of sums of packed products; 0: of FMAs.
  Search(const ContractionSpec& spec, const Target& target, DType dtype, double pairs = 0)
      : spec_(spec),
        target_(target),
        pairs_(pairs),
        packed_(pairs > 0 ? packed_steps(spec.a_dtype, spec.b_dtype) : 1),
        lanes_(target.lanes(dtype)),
        element_bytes_(static_cast<std::int64_t>(size_of(dtype))) {
    for (int i = 0; i < static_cast<int>(spec.axes.size()); ++i) {
      const Axis& x = axis(i);
      if (x.summed())
        summed_.push_back(i);
      else if (x.b == 0)
        rows_.push_back(i);
      else if (x.a == 0)
        columns_.push_back(i);
      else
        batches_ *= x.extent;
    }
    for (const int i : summed_) steps_ *= axis(i).extent;
  }

  // The best block for each axis in the lanes and each number of vectors.
  std::vector<BlockSchedule> run() {
    for (const int v : columns_) {
      for (std::int64_t vectors = 1; vectors <= 4; ++vectors) {
        if ((vectors - 1) * lanes_ >= axis(v).extent) break;
        try_rows(v, vectors);
      }
    }
    return std::move(found_);
  }

 private:
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }

  void try_rows(int v, std::int64_t vectors);
  void cut_sum(BlockSchedule* s) const;
  bool holds_windows(const TileSchedule& t) const;
  bool choose_pairs(BlockSchedule* s) const;
  double steps_cycles(std::int64_t rows, std::int64_t vectors, const LaneLoads& b) const;
  bool lacks_tasks(int v) const;
  bool fit_blocks(BlockSchedule* s, bool share_columns) const;
  void choose_copies(BlockSchedule* s) const;
  double tile_cycles(const BlockSchedule& s) const;
  double wait_for_a(const BlockSchedule& s, bool copied) const;
  double wait_for_b(const BlockSchedule& s, double* pack) const;
  OperandWalk walk_of_b(const BlockSchedule& s, double* tiles) const;
  double copy_b(const BlockSchedule& s) const;
  double elements_of_b() const;
  double row_blocks(const BlockSchedule& s) const;
  std::int64_t sum_step(std::int64_t Axis::* step) const;
  StridedEpilogue scatter_result(const BlockSchedule& s) const;
  double store_result(const BlockSchedule& s) const;
  double widen_a(const BlockSchedule& s) const;
  double widen_b(const BlockSchedule& s) const;
  double column_blocks(const BlockSchedule& s) const;
  std::int64_t block_steps(const BlockSchedule& s) const;

  const ContractionSpec& spec_;
  const Target& target_;
  double pairs_;
  std::int64_t packed_;
  std::int64_t lanes_, element_bytes_;
  std::vector<int> summed_, rows_, columns_;
  std::int64_t batches_ = 1, steps_ = 1;
  std::vector<BlockSchedule> found_;
};

// How many rows of an axis a tile may have.
std::vector<std::int64_t> row_counts(const Axis& x, std::int64_t most) {
  if (x.varies) return {most, divide_up(most, 2), divide_up(most, 4)};
  std::vector<std::int64_t> counts;
  for (std::int64_t rows = std::min<std::int64_t>(4, most); rows <= std::min(most, x.extent);
       ++rows)
    counts.push_back(rows);
  return counts;
}

void Search::try_rows(int v, std::int64_t vectors) {
  const std::int64_t most = most_rows(target_, vectors);
  BlockSchedule best;
  best.cycles = INFINITY;
  for (const int r : rows_) {
    for (const std::int64_t rows : row_counts(axis(r), most)) {
      BlockSchedule s;
      s.tile.vector_axis = v;
      s.tile.vector_tile =
          axis(v).varies ? vectors * lanes_ : std::min(vectors * lanes_, axis(v).extent);
      s.tile.row_axes = {r};
      s.tile.row_tiles = {rows};
      if (!holds_windows(s.tile)) continue;
      cut_sum(&s);
      if (pairs_ > 0 && !choose_pairs(&s)) continue;
      for (const bool share_columns : {false, true}) {
        if (share_columns && !lacks_tasks(v)) break;
        if (!fit_blocks(&s, share_columns)) continue;
        choose_copies(&s);
        if (s.cycles < best.cycles * 0.999) best = s;
      }
    }
  }
  if (std::isfinite(best.cycles)) found_.push_back(std::move(best));
}

// Whether the tile holds whole windows of what is pooled.
bool Search::holds_windows(const TileSchedule& t) const {
  for (int i = 0; i < static_cast<int>(spec_.axes.size()); ++i) {
    if (axis(i).unit > 1 && (i == t.vector_axis || t.tile_of(i) % axis(i).unit != 0)) return false;
  }
  return true;
}

// Blocks of the sum of at most kLongestBlock steps, where a divisor allows and leaves no crumbs:
// else the whole sum is one.
void Search::cut_sum(BlockSchedule* s) const {
  std::int64_t inside = 1;
  for (auto i = summed_.rbegin(); i != summed_.rend(); ++i) {
    const std::int64_t n = axis(*i).extent;
    if (inside * n <= kLongestBlock) {
      inside *= n;
      continue;
    }
    if (axis(*i).varies) return;
    std::int64_t cut = std::min(n, kLongestBlock / inside);
    while (n % cut != 0) --cut;
    if (cut * inside < kLongestBlock / 8) return;
    s->cut_axis = *i;
    s->cut = cut;
    return;
  }
}

// The innermost axis of a block's sum that packed steps fill. False where there is none.
bool Search::choose_pairs(BlockSchedule* s) const {
  for (auto i = summed_.rbegin(); i != summed_.rend() && *i >= s->cut_axis; ++i) {
    const std::int64_t extent = *i == s->cut_axis ? s->cut : axis(*i).extent;
    if (extent % packed_ != 0 || axis(*i).varies) continue;
    s->packed = packed_;
    s->pair_axis = *i + (s->cut_axis >= 0 ? 1 : 0);
    return true;
  }
  return false;
}

// Of the whole sum of a tile.
double Search::steps_cycles(std::int64_t rows, std::int64_t vectors, const LaneLoads& b) const {
  const auto steps = static_cast<double>(steps_);
  const double products = byte_products(spec_) * static_cast<double>(rows * vectors);
  if (pairs_ == 0) return (step_cycles(rows, vectors, b, target_.has_fma()) + products) * steps;
  const double sums = static_cast<double>(rows * vectors) * pairs_,
               loads = static_cast<double>(rows) / 2 + static_cast<double>(vectors) * b.cycles(),
               latency = 6;
  return (std::max({sums, loads, latency}) + 0.25 * std::min(sums, loads)) * steps /
         static_cast<double>(packed_);
}

std::int64_t Search::block_steps(const BlockSchedule& s) const {
  if (s.cut_axis < 0) return steps_;
  std::int64_t n = s.cut;
  for (const int i : summed_) n *= i > s.cut_axis ? axis(i).extent : 1;
  return n;
}

// Whether the axes around rows and lanes are not work for every thread, in equal shares.
bool Search::lacks_tasks(int v) const {
  std::int64_t others = batches_;
  for (const int i : columns_) others *= i == v ? 1 : axis(i).extent;
  return others % target_.threads != 0 && others < 4 * target_.threads;
}

// A block of a in half of the L2 cache, and all columns: where that leaves threads without work
// they share the rows, or the columns. False where what waits for the next block would take too
// much memory.
bool Search::fit_blocks(BlockSchedule* s, bool share_columns) const {
  const TileSchedule& t = s->tile;
  std::int64_t steps = 1;
  for (const int i : rows_) steps *= divide_up(axis(i).extent, t.tile_of(i));
  const std::int64_t row = t.row_tiles[0] * block_steps(*s) * element_bytes_;
  const std::int64_t most_rows = std::max<std::int64_t>(1, target_.l2_bytes / 2 / row);
  const std::int64_t columns = divide_up(axis(t.vector_axis).extent, t.vector_tile);
  std::int64_t blocks = divide_up(steps, most_rows);
  const std::int64_t threads = target_.threads;
  const bool share = lacks_tasks(t.vector_axis);
  if (share && !share_columns) blocks = std::min(steps, divide_up(blocks, threads) * threads);
  s->row_tiles = divide_up(steps, blocks);
  const std::int64_t partial = s->row_tiles * t.row_tiles[0] * t.vector_tile * element_bytes_;
  if (s->cut_axis >= 0 && partial > kMostPartial) return false;
  s->column_tiles =
      s->cut_axis < 0 ? columns : std::clamp<std::int64_t>(kMostPartial / partial, 1, columns);
  std::int64_t column_blocks = divide_up(columns, s->column_tiles);
  if (share && share_columns)
    column_blocks = std::min(columns, divide_up(column_blocks, threads) * threads);
  s->column_tiles = divide_up(columns, column_blocks);
  return true;
}

// Tiles whose operands lie in the caches.
double Search::tile_cycles(const BlockSchedule& s) const {
  const TileSchedule& t = s.tile;
  const std::int64_t n = axis(t.vector_axis).extent, m = axis(t.row_axes[0]).extent;
  const std::int64_t rows = t.row_tiles[0], width = t.vector_tile;
  const auto steps = static_cast<double>(steps_),
             sum_blocks = steps / static_cast<double>(block_steps(s));
  // A panel of b that outgrows the L1 cache comes from the L2 cache for every tile of rows.
  const LaneLoads loads{block_steps(s) * width * element_bytes_ * 4 <= target_.l1_bytes * 3,
                        t.pack_b || s.copy_b || is_aligned(spec_.axes, t.vector_axis, lanes_)};
  const auto tile = [&](std::int64_t r, std::int64_t w) {
    const std::int64_t vectors = divide_up(w, lanes_);
    const auto registers = static_cast<double>(r * vectors);
    return steps_cycles(r, vectors, loads) * 1.03 + 20 + registers * (1 + 2 * (sum_blocks - 1)) +
           15 * (sum_blocks - 1);
  };
  const auto columns = [&](std::int64_t r) {
    if (axis(t.vector_axis).varies) return masked_tiles(n, width) * tile(r, width);
    return static_cast<double>(n / width) * tile(r, width) + (n % width ? tile(r, n % width) : 0);
  };
  const double one = axis(t.row_axes[0]).varies ? masked_tiles(m, rows) * columns(rows)
                                                : static_cast<double>(m / rows) * columns(rows) +
                                                      (m % rows ? columns(m % rows) : 0);
  return one * spec_.result_elements() / static_cast<double>(m * n) *
         layout_factor(spec_, t.vector_axis);
}

// A block of a is touched once and then read again for each tile of columns.
double Search::wait_for_a(const BlockSchedule& s, bool copied) const {
  Steps tile;
  double tiles = 1;
  for (int i = 0; i < static_cast<int>(spec_.axes.size()); ++i) {
    const Axis& x = axis(i);
    std::int64_t n = x.summed() ? x.extent : std::min(x.extent, s.tile.tile_of(i));
    if (x.summed() && i == s.cut_axis) n = s.cut;
    if (x.summed() && i < s.cut_axis) n = 1;
    tile.push_back(n);
    if (x.a != 0) tiles *= static_cast<double>(divide_up(x.extent, n));
  }
  const OperandWalk walk = walk_over(spec_.axes, &Axis::a, tile, element_bytes_, target_);
  // What else moves b alone is a task of its own each.
  double passes = column_blocks(s), others = 1;
  for (const int i : columns_)
    others *= i == s.tile.vector_axis ? 1 : static_cast<double>(axis(i).extent);
  passes *= others;
  if (!copied) {
    const auto columns =
        static_cast<double>(divide_up(axis(s.tile.vector_axis).extent, s.tile.vector_tile));
    return walk.far(tiles * (walk.fits ? passes : columns * others));
  }
  double elements = 1;
  for (const Axis& x : spec_.axes) elements *= x.a != 0 ? static_cast<double>(x.extent) : 1;
  return passes * (tiles * walk.copied() + elements * kCopied);
}

double Search::elements_of_b() const {
  double elements = 1;
  for (const Axis& x : spec_.axes) elements *= x.b != 0 ? static_cast<double>(x.extent) : 1;
  return elements;
}

double Search::row_blocks(const BlockSchedule& s) const {
  double tiles = 1;
  for (const int i : rows_)
    tiles *= static_cast<double>(divide_up(axis(i).extent, s.tile.tile_of(i)));
  return std::max(1.0, tiles / static_cast<double>(s.row_tiles));
}

// Over the columns of a tile in one block of the sum; `tiles` gets how many of these there are.
OperandWalk Search::walk_of_b(const BlockSchedule& s, double* tiles) const {
  Steps tile;
  *tiles = 1;
  for (int i = 0; i < static_cast<int>(spec_.axes.size()); ++i) {
    const Axis& x = axis(i);
    std::int64_t n = i == s.tile.vector_axis ? std::min(x.extent, s.tile.vector_tile) : 1;
    if (x.summed()) n = i == s.cut_axis ? s.cut : i < s.cut_axis ? 1 : x.extent;
    tile.push_back(n);
    if (x.b != 0) *tiles *= static_cast<double>(divide_up(x.extent, n));
  }
  return walk_over(spec_.axes, &Axis::b, tile, element_bytes_, target_);
}

// b passes by once for every block of rows; `pack` (null: there are no panels) gets what it takes
// to fill them.
double Search::wait_for_b(const BlockSchedule& s, double* pack) const {
  double tiles = 1;
  const OperandWalk walk = walk_of_b(s, &tiles);
  if (pack != nullptr) {
    const double elements = elements_of_b();
    *pack = tiles * walk.copied() + elements * kPacked + launch_cycles(elements);
    return walk_along(elements * static_cast<double>(element_bytes_), target_).far(row_blocks(s));
  }
  const double far =
      walk.far(tiles * row_blocks(s) * (walk.fits ? 1 : static_cast<double>(s.row_tiles)));
  // Every tile of rows loads them again, in rows that the hardware does not foresee.
  const std::int64_t bytes = block_steps(s) * s.tile.vector_tile * element_bytes_;
  const bool near = bytes * 4 <= target_.l1_bytes * 3;
  if (near || sum_step(&Axis::b) < kUnforeseen) return far;
  const double vectors = static_cast<double>(divide_up(s.tile.vector_tile, lanes_));
  return far +
         spec_.macs() / static_cast<double>(s.tile.rows() * s.tile.vector_tile) * vectors * kFromL2;
}

// Bytes that an operand moves in a step of the innermost sum.
std::int64_t Search::sum_step(std::int64_t Axis::* step) const {
  return summed_.empty() ? 0 : std::abs(axis(summed_.back()).*step) * element_bytes_;
}

// Of the columns of every tile, once for each block of rows.
double Search::copy_b(const BlockSchedule& s) const {
  double tiles = 1;
  const OperandWalk walk = walk_of_b(s, &tiles);
  return row_blocks(s) * (tiles * walk.copied() + elements_of_b() * kCopiedRows);
}

// Results whose lanes lie apart.
StridedEpilogue Search::scatter_result(const BlockSchedule& s) const {
  const Axis& lanes = axis(s.tile.vector_axis);
  const std::int64_t run = axis(s.tile.row_axes[0]).strided == 0 ? s.tile.row_tiles[0] : 1;
  return strided_epilogue(
      spec_, s.tile.vector_axis,
      scattered_cycles(lanes.apart * element_bytes_, s.tile.vector_tile, run, target_));
}

// A tile's rows, and then those below it, beside the FMAs of the next tile.
double Search::store_result(const BlockSchedule& s) const {
  const Axis& lanes = axis(s.tile.vector_axis);
  if (lanes.strided > 0 && !s.tile.in_rows) return 0;
  const std::int64_t apart = std::max(axis(s.tile.row_axes[0]).apart, lanes.extent);
  return stored_cycles(spec_.result_elements() * static_cast<double>(element_bytes_),
                       s.tile.vector_tile * element_bytes_, apart * element_bytes_, target_);
}

// Of operands that are no copies, at each step of the sum.
double Search::widen_a(const BlockSchedule& s) const {
  return is_half(spec_.a_dtype)
             ? kWidenedRow * spec_.macs() / static_cast<double>(s.tile.vector_tile)
             : 0;
}
double Search::widen_b(const BlockSchedule& s) const {
  const auto tile = static_cast<double>(s.tile.row_tiles[0] * lanes_);
  return is_half(spec_.b_dtype) ? kWidenedVector * spec_.macs() / tile : 0;
}

double Search::column_blocks(const BlockSchedule& s) const {
  const std::int64_t tiles = divide_up(axis(s.tile.vector_axis).extent, s.tile.vector_tile);
  return static_cast<double>(divide_up(tiles, s.column_tiles));
}

void Search::choose_copies(BlockSchedule* s) const {
  const std::int64_t block = s->row_tiles * s->tile.row_tiles[0] * block_steps(*s) * element_bytes_;
  const double tiles = tile_cycles(*s);
  const std::int64_t row = std::abs(axis(s->tile.row_axes[0]).a) * element_bytes_;
  const double competing =
      competing_rows(row, s->tile.row_tiles[0], divide_up(s->tile.vector_tile, lanes_), target_);
  const double copied = block <= target_.l2_bytes ? wait_for_a(*s, true) : INFINITY,
               direct = wait_for_a(*s, false) + tiles * competing + widen_a(*s);
  s->copy_a = pairs_ > 0 || copied < direct;
  double pack = 0;
  const double panels = wait_for_b(*s, &pack);
  pack *= spec_.copies_of_b();
  const bool in_line = axis(s->tile.vector_axis).b == 1;
  const double rows = in_line ? wait_for_b(*s, nullptr) + widen_b(*s) : INFINITY,
               columns = in_line ? copy_b(*s) : INFINITY;
  s->tile.pack_b = pairs_ > 0 || panels + pack < std::min(rows, columns);
  s->copy_b = !s->tile.pack_b && columns < rows;
  s->tile.pack_cycles = s->tile.pack_b ? pack : 0;
  const StridedEpilogue epilogue = scatter_result(*s);
  s->tile.in_rows = epilogue.in_rows;
  s->cycles = kBlockLoops + beside(tiles, store_result(*s)) + epilogue.cycles +
              (s->copy_a ? copied : direct) + (s->tile.pack_b ? panels : std::min(rows, columns));
  double tasks = column_blocks(*s);
  for (int i = 0; i < static_cast<int>(spec_.axes.size()); ++i) {
    if (axis(i).summed() || axis(i).b == 0 || i == s->tile.vector_axis) continue;
    tasks *= static_cast<double>(axis(i).extent);
  }
  double row_steps = 1;
  for (const int i : rows_)
    row_steps *= static_cast<double>(divide_up(axis(i).extent, s->tile.tile_of(i)));
  tasks *= std::ceil(row_steps / static_cast<double>(s->row_tiles));
  s->cycles = s->cycles * idle_factor(target_, tasks) + s->tile.pack_cycles;
  s->tile.cycles = s->cycles;
}

}  // namespace

namespace {

std::vector<BlockSchedule> search(const ContractionSpec& spec, const Target& target, DType dtype,
                                  double pairs) {
  const ContractionSpec swapped = spec.swapped();
  std::vector<BlockSchedule> all = Search(spec, target, dtype, pairs).run();
  for (BlockSchedule& s : Search(swapped, target, dtype, pairs).run()) {
    s.tile.swap = true;
    all.push_back(std::move(s));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& x, const auto& y) { return x.cycles < y.cycles; });
  return all;
}

}  // namespace

std::vector<BlockSchedule> search_blocks(const ContractionSpec& spec, const Target& target,
                                         DType dtype) {
  return search(spec, target, dtype, 0);
}

std::vector<BlockSchedule> search_packed(const ContractionSpec& spec, const Target& target,
                                         DType dtype) {
  const double cycles = packed_cycles(target, spec.a_dtype, spec.b_dtype);
  const DType sums = spec.a_dtype == DType::BF16 ? DType::F32 : DType::I32;
  if (cycles == 0 || dtype != sums) return {};
  return search(spec, target, dtype, cycles);
}

}  // namespace lilith::schedule
