#include <algorithm>
#include <cmath>

#include "schedule/cpu/contraction/blocked.h"
#include "schedule/cpu/tasks.h"

// The model of blocked products: cycles of one thread for tiles, copies and what passes between the
// caches, for every register tile that the registers hold.
namespace lilith::schedule {
namespace {

constexpr std::int64_t kLongestBlock = 512;    // steps of the sum
constexpr std::int64_t kMostPartial = 1 << 19;  // bytes of sums that wait for the next block

std::int64_t divide_up(std::int64_t n, std::int64_t by) { return (n + by - 1) / by; }

class Search {
 public:
  Search(const ContractionSpec& spec, const Target& target, DType dtype)
      : spec_(spec),
        target_(target),
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
  bool fit_blocks(BlockSchedule* s) const;
  double cycles_of(const BlockSchedule& s) const;
  double step_cycles(std::int64_t rows, std::int64_t vectors) const;
  std::int64_t all_rows() const { return extent_of(spec_.axes, rows_); }
  std::int64_t block_steps(const BlockSchedule& s) const;

  const ContractionSpec& spec_;
  const Target& target_;
  std::int64_t lanes_, element_bytes_;
  std::vector<int> summed_, rows_, columns_;
  std::int64_t batches_ = 1, steps_ = 1;
  std::vector<BlockSchedule> found_;
};

void Search::try_rows(int v, std::int64_t vectors) {
  const std::int64_t most = (target_.vector_registers - 1 - vectors) / vectors;
  BlockSchedule best;
  best.cycles = INFINITY;
  for (const int r : rows_) {
    for (std::int64_t rows = std::min<std::int64_t>(4, most);
         rows <= std::min(most, axis(r).extent); ++rows) {
      BlockSchedule s;
      s.tile.vector_axis = v;
      s.tile.vector_tile = std::min(vectors * lanes_, axis(v).extent);
      s.tile.row_axes = {r};
      s.tile.row_tiles = {rows};
      if (!holds_windows(s.tile)) continue;
      s.tile.pack_b = axis(v).b != 1 || block_steps(s) * kLine > target_.l1_bytes;
      cut_sum(&s);
      if (!fit_blocks(&s)) continue;
      s.cycles = s.tile.cycles = cycles_of(s);
      if (s.cycles < best.cycles * 0.999) best = std::move(s);
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

// Blocks of the sum of at most kLongestBlock steps, where divisors allow.
void Search::cut_sum(BlockSchedule* s) const {
  std::int64_t inside = 1;
  for (auto i = summed_.rbegin(); i != summed_.rend(); ++i) {
    const std::int64_t n = axis(*i).extent;
    if (inside * n <= kLongestBlock) {
      inside *= n;
      continue;
    }
    std::int64_t cut = 0;
    for (std::int64_t c = std::min(n, kLongestBlock / inside); c >= 1 && cut == 0; --c) {
      if (n % c == 0 && (c > 1 || inside >= kLongestBlock / 4)) cut = c;
    }
    if (cut == 0) return;  // a prime: one block
    s->cut_axis = *i;
    s->cut = cut;
    return;
  }
}

std::int64_t Search::block_steps(const BlockSchedule& s) const {
  if (s.cut_axis < 0) return steps_;
  std::int64_t n = s.cut;
  for (const int i : summed_) n *= i > s.cut_axis ? axis(i).extent : 1;
  return n;
}

// A block of a in half of the L2 cache; as many columns as leave the threads work.
bool Search::fit_blocks(BlockSchedule* s) const {
  const TileSchedule& t = s->tile;
  std::int64_t steps = 1;
  for (const int i : rows_) steps *= divide_up(axis(i).extent, t.tile_of(i));
  const std::int64_t row = t.row_tiles[0] * block_steps(*s) * element_bytes_;
  const std::int64_t most_rows = std::max<std::int64_t>(1, target_.l2_bytes / 2 / row);
  const std::int64_t columns = divide_up(axis(t.vector_axis).extent, t.vector_tile);
  std::int64_t blocks = divide_up(steps, most_rows);
  // Work for every thread, in equal shares.
  std::int64_t others = batches_;
  for (const int i : columns_) others *= i == t.vector_axis ? 1 : axis(i).extent;
  const std::int64_t threads = target_.threads;
  if (others % threads != 0 && others < 4 * threads)
    blocks = std::min(steps, divide_up(blocks, threads) * threads);
  s->row_tiles = divide_up(steps, blocks);
  const std::int64_t partial = s->row_tiles * t.row_tiles[0] * t.vector_tile * element_bytes_;
  s->column_tiles = s->cut_axis < 0 ? columns : std::clamp<std::int64_t>(kMostPartial / partial, 1, columns);
  s->column_tiles = divide_up(columns, divide_up(columns, s->column_tiles));
  const int last = summed_.empty() ? -1 : summed_.back();
  const std::int64_t run = last < 0 ? 1 : std::abs(axis(last).a);
  const std::int64_t apart = std::abs(axis(t.row_axes[0]).a) * element_bytes_;
  s->copy_a = run != 1 || apart % 1024 == 0 || apart > 4096;
  return true;
}

// A step of the sum, its operands in the L1 cache.
double Search::step_cycles(std::int64_t rows, std::int64_t vectors) const {
  const double fma = static_cast<double>(rows * vectors) / 2,
               loads = static_cast<double>(rows) / 2 + static_cast<double>(vectors) * 0.5;
  return std::max({fma, loads, 4.0});
}

double Search::cycles_of(const BlockSchedule& s) const {
  const TileSchedule& t = s.tile;
  const std::int64_t n = axis(t.vector_axis).extent, m = axis(t.row_axes[0]).extent;
  const std::int64_t rows = t.row_tiles[0], width = t.vector_tile;
  const auto steps = static_cast<double>(steps_);
  double others = static_cast<double>(batches_);
  for (const int i : rows_) others *= i == t.row_axes[0] ? 1 : static_cast<double>(axis(i).extent);
  for (const int i : columns_)
    others *= i == t.vector_axis ? 1 : static_cast<double>(axis(i).extent);
  const auto sum_blocks = steps / static_cast<double>(block_steps(s));
  const auto tile = [&](std::int64_t r, std::int64_t w) {
    const std::int64_t vectors = divide_up(w, lanes_);
    const auto registers = static_cast<double>(r * vectors);
    return step_cycles(r, vectors) * steps * 1.03 + 20 + registers * (1 + 2 * (sum_blocks - 1)) +
           15 * (sum_blocks - 1);
  };
  const auto columns = [&](std::int64_t r) {
    return static_cast<double>(n / width) * tile(r, width) + (n % width ? tile(r, n % width) : 0);
  };
  double cycles =
      others * (static_cast<double>(m / rows) * columns(rows) + (m % rows ? columns(m % rows) : 0));
  const double all_rows = others * static_cast<double>(m), all_b = steps * static_cast<double>(n);
  const auto column_blocks =
      static_cast<double>(divide_up(divide_up(n, width), s.column_tiles));
  if (s.copy_a) cycles += all_rows * steps * column_blocks * 1.0;
  if (t.pack_b) cycles += all_b * others / std::max(1.0, all_rows / m) * 1.5 + 4000;
  // b passes by once for every block of rows.
  const double row_blocks = all_rows / static_cast<double>(rows * s.row_tiles);
  cycles += all_b * static_cast<double>(element_bytes_) / kLine * 6 * std::max(1.0, row_blocks);
  return cycles + 1.5 * axis(t.vector_axis).strided * all_rows * static_cast<double>(n);
}

}  // namespace

std::vector<BlockSchedule> search_blocks(const ContractionSpec& spec, const Target& target,
                                         DType dtype) {
  const ContractionSpec swapped = spec.swapped();
  std::vector<BlockSchedule> all = Search(spec, target, dtype).run();
  for (BlockSchedule& s : Search(swapped, target, dtype).run()) {
    s.tile.swap = true;
    all.push_back(std::move(s));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& x, const auto& y) { return x.cycles < y.cycles; });
  return all;
}

}  // namespace lilith::schedule
