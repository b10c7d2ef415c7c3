#include <algorithm>
#include <cmath>
#include <optional>

#include "schedule/cpu/contraction/operand_walk.h"
#include "schedule/cpu/contraction/tile_cycles.h"
#include "schedule/cpu/contraction/tile_schedule.h"
#include "schedule/cpu/tasks.h"

// The analytic model: cycles of the inner loop for every way to lay a register tile over the
// result: which axis runs in the lanes, how many vectors of it, and which one or two axes are the
// tile's rows.
namespace lilith::schedule {
namespace {

constexpr std::int64_t kPage = 4096;
constexpr double kMostSplit = 16 << 20;  // bytes of a result that every thread has a copy of

double innermost_overhead(const ContractionSpec& spec) {
  std::int64_t inner = 1;
  for (const Axis& x : spec.axes) {
    if (x.summed()) inner = x.extent;
  }
  return 1.0 + 0.5 / static_cast<double>(inner);
}

// Tiles of the whole result: how many there are of a full set of rows, and the rows of one more.
struct Rows {
  Few<int, 2> axes;  // the last innermost
  Few<std::int64_t, 2> tiles;
  std::int64_t rows = 1;
  double full = 1;
  std::int64_t rest = 0;
  double covered = 1;  // elements of the axes
};

// One axis of the result in the lanes.
struct Lanes {
  int axis = -1;
  bool pack = false, aligned = true;
  // Those that move a and not b; where there are none, as in a depthwise convolution whose columns
  // lie in the lanes, those that move b and not a.
  std::vector<int> row_axes = {};
  bool rows_move_b = false;
  // Of a batch axis, which moves a too: how a row's own vectors lie.
  std::optional<LaneLoads> own = {};
  double others = 1;  // tiles repeat over every other axis of the result
};

class Search {
 public:
  Search(const ContractionSpec& spec, const Target& target, DType dtype)
      : spec_(spec),
        target_(target),
        lanes_(target.lanes(dtype)),
        element_bytes_(static_cast<std::int64_t>(size_of(dtype))),
        loop_overhead_(innermost_overhead(spec)) {
    for (const Axis& x : spec.axes) summed_ *= x.summed() ? x.extent : 1;
  }

  // The best tile of every way to lie in the lanes, its operands in the caches.
  std::vector<TileSchedule> run() {
    for (int v = 0; v < axes(); ++v) {
      for (const bool pack : {false, true}) {
        if (const auto lanes = in_lanes(v, pack)) try_tiles(*lanes);
      }
    }
    return std::move(found_);
  }

 private:
  int axes() const { return static_cast<int>(spec_.axes.size()); }
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }

  std::optional<Lanes> in_lanes(int v, bool pack) const;
  void try_tiles(const Lanes& l);
  void try_two_axes(const Lanes& l, std::int64_t vectors, std::int64_t most, int outer, int inner);
  void consider(const Lanes& l, std::int64_t vectors, const Rows& rows);
  std::int64_t rows_in_line(const Rows& rows) const;
  bool holds_units(const Rows& rows) const;
  double row_distance(const Rows& rows, std::int64_t vectors) const;
  double all_tiles(const Lanes& l, const Rows& rows, std::int64_t width) const;
  double one_tile(const Lanes& l, const Rows& rows, std::int64_t count, std::int64_t width,
                  const LaneLoads& loads) const;
  double step(const Lanes& l, const Rows& rows, std::int64_t count, std::int64_t vectors,
              const LaneLoads& loads) const;
  double loaded(const Lanes& l, const Rows& rows, std::int64_t count, std::int64_t vectors) const;

  const ContractionSpec& spec_;
  const Target& target_;
  std::int64_t lanes_, element_bytes_;
  double loop_overhead_;
  std::int64_t summed_ = 1;  // steps of the summed axes
  std::vector<TileSchedule> found_;
  TileSchedule best_;  // of so many vectors in the lanes
};

std::optional<Lanes> Search::in_lanes(int v, bool pack) const {
  const Axis& vec = axis(v);
  if (vec.summed() || vec.unit > 1) return {};
  if (vec.b == 0 || (vec.a != 0 && vec.a != 1)) return {};  // a batch axis: both contiguous
  // Panels are needed where b is not contiguous, and help where its rows lie far apart.
  if (pack ? vec.a != 0 && vec.b == 1 : vec.b != 1) return {};
  Lanes l{v, pack};
  l.aligned = pack || is_aligned(spec_.axes, v, lanes_);
  if (vec.a != 0) l.own = LaneLoads{true, is_aligned(spec_.swapped().axes, v, lanes_)};
  l.others = layout_factor(spec_, v);
  std::vector<int> of_b;
  for (int r = 0; r < axes(); ++r) {
    const Axis& x = axis(r);
    if (r == v || x.summed()) continue;
    if (x.a != 0 && x.b == 0) l.row_axes.push_back(r);
    if (x.a == 0 && x.b != 0) of_b.push_back(r);
    l.others *= static_cast<double>(x.extent);
  }
  if (l.row_axes.empty() && !of_b.empty() && !l.own) {
    l.row_axes = std::move(of_b);
    l.rows_move_b = true;
  }
  return l;
}

void Search::try_tiles(const Lanes& l) {
  for (std::int64_t vectors = 1; vectors <= 4; ++vectors) {
    if ((vectors - 1) * lanes_ >= axis(l.axis).extent) return;
    const std::int64_t most = most_rows(target_, vectors);
    best_.cycles = INFINITY;
    consider(l, vectors, {});
    for (const int r : l.row_axes) {
      const std::int64_t m = axis(r).extent;
      if (axis(r).varies) {
        // A few sizes alone, so that other extents come to the same.
        for (const std::int64_t parts : {1, 2, 4}) {
          const std::int64_t rows = divide_up(most, parts);
          if (rows > 1)
            consider(l, vectors,
                     {{r}, {rows}, rows, masked_tiles(m, rows), 0, static_cast<double>(m)});
        }
        continue;
      }
      for (std::int64_t rows = 2; rows <= std::min(most, m); ++rows)
        consider(
            l, vectors,
            {{r}, {rows}, rows, static_cast<double>(m / rows), m % rows, static_cast<double>(m)});
      for (const int q : l.row_axes) {
        if (q != r) try_two_axes(l, vectors, most, q, r);
      }
    }
    if (std::isfinite(best_.cycles)) found_.push_back(best_);
  }
}

void Search::try_two_axes(const Lanes& l, std::int64_t vectors, std::int64_t most, int outer,
                          int inner) {
  const std::int64_t m = axis(inner).extent, n = axis(outer).extent;
  if (axis(inner).varies || axis(outer).varies) return;
  // Windows over both: as many along the inner axis as there is room for.
  const std::int64_t w = axis(inner).unit, h = axis(outer).unit;
  for (std::int64_t t = w; h > 1 && w > 1 && h * t <= most && t <= m; t += w) {
    consider(l, vectors,
             {{outer, inner},
              {h, t},
              h * t,
              static_cast<double>(m / t),
              m % t * h,
              static_cast<double>(m * h)});
  }
  // The inner axis whole, the outer one by a divisor.
  for (std::int64_t t = 2; m * t <= most && t <= n; ++t) {
    if (n % t != 0) continue;
    consider(
        l, vectors,
        {{outer, inner}, {t, m}, m * t, static_cast<double>(n / t), 0, static_cast<double>(m * n)});
  }
}

void Search::consider(const Lanes& l, std::int64_t vectors, const Rows& rows) {
  if (!holds_units(rows)) return;
  const std::int64_t extent = axis(l.axis).extent, width = axis(l.axis).varies
                                                               ? vectors * lanes_
                                                               : std::min(vectors * lanes_, extent);
  const StridedEpilogue epilogue = strided_epilogue(
      spec_, l.axis,
      scattered_cycles(axis(l.axis).apart * element_bytes_, width, rows_in_line(rows), target_));
  const double cycles =
      all_tiles(l, rows, width) * (l.others / rows.covered) * row_distance(rows, vectors) +
      epilogue.cycles;
  if (cycles >= best_.cycles * 0.999) return;
  best_.cycles = cycles;
  best_.vector_axis = l.axis;
  best_.pack_b = l.pack;
  best_.in_rows = epilogue.in_rows;
  best_.vector_tile = width;
  best_.row_axes.assign(rows.axes.begin(), rows.axes.end());
  best_.row_tiles.assign(rows.tiles.begin(), rows.tiles.end());
}

// Rows of a tile that follow each other in the memory of the result.
std::int64_t Search::rows_in_line(const Rows& rows) const {
  std::int64_t n = 1;
  for (std::size_t k = 0; k < rows.axes.size(); ++k)
    n *= axis(rows.axes[k]).strided == 0 ? rows.tiles[k] : 1;
  return n;
}

// Whether the tile holds whole windows of what is pooled.
bool Search::holds_units(const Rows& rows) const {
  for (int i = 0; i < axes(); ++i) {
    const auto row = std::find(rows.axes.begin(), rows.axes.end(), i);
    const std::int64_t tile =
        row == rows.axes.end() ? 1 : rows.tiles[static_cast<std::size_t>(row - rows.axes.begin())];
    if (tile % axis(i).unit != 0) return false;
  }
  return true;
}

// Rows that lie a multiple of a page apart compete for the same lines of the L1 cache, and each has
// a translation of its own.
double Search::row_distance(const Rows& rows, std::int64_t vectors) const {
  double factor = 1;
  for (std::size_t k = 0; k < rows.axes.size(); ++k) {
    const std::int64_t bytes = std::abs(axis(rows.axes[k]).a) * element_bytes_;
    if (rows.tiles[k] < 2) continue;
    const double competing = competing_rows(bytes, rows.tiles[k], vectors, target_);
    if (bytes % kPage == 0)
      factor *= 1.1 + competing;
    else if (bytes % 1024 == 0 && rows.tiles[k] > 4)
      factor *= 1.3;
    else if (bytes > kPage)
      factor *= 1.03 + competing;
    else
      factor *= 1 + competing;
  }
  return factor;
}

// Cycles for the tiles along the rows and the vector axis, `width` elements of it in each.
double Search::all_tiles(const Lanes& l, const Rows& rows, std::int64_t width) const {
  const std::int64_t extent = axis(l.axis).extent;
  // A panel of b that outgrows the L1 cache comes from the L2 cache for every tile of rows; so does
  // a small b of several panels, which is walked innermost.
  const std::int64_t whole = summed_ * extent * element_bytes_;
  const std::int64_t panel =
      whole <= target_.l2_bytes / 2 ? whole : summed_ * width * element_bytes_;
  const LaneLoads loads{panel * 4 <= target_.l1_bytes * 3, l.aligned};
  const bool masked = axis(l.axis).varies;
  const double full = masked ? masked_tiles(extent, width) : static_cast<double>(extent / width);
  const std::int64_t rest = masked ? 0 : extent % width;
  const auto columns = [&](std::int64_t n) {
    return full * one_tile(l, rows, n, width, loads) +
           (rest ? one_tile(l, rows, n, rest, loads) : 0);
  };
  return rows.full * columns(rows.rows) + (rows.rest > 0 ? columns(rows.rest) : 0);
}

// Rows that have vectors of their own load one for each FMA, but for what their windows share.
double Search::step(const Lanes& l, const Rows& rows, std::int64_t count, std::int64_t vectors,
                    const LaneLoads& loads) const {
  if (l.own)
    return vector_step_cycles(count, vectors, *l.own, static_cast<double>(vectors) * loads.cycles(),
                              target_.has_fma(), loaded(l, rows, count, vectors));
  return l.rows_move_b
             ? vector_step_cycles(count, vectors, loads, LaneLoads().cycles(), target_.has_fma())
             : step_cycles(count, vectors, loads, target_.has_fma());
}

// The part of its own vectors that each row loads in a step, of so many rows in all.
double Search::loaded(const Lanes& l, const Rows& rows, std::int64_t count,
                      std::int64_t vectors) const {
  if (rows.axes.size() == 0) return 1;
  const std::size_t inner = rows.axes.size() - 1;
  const Window window = window_of(spec_.axes, l.axis, rows.axes[inner]);
  return window.is_written_out(target_, count, vectors)
             ? window.loads(std::min(count, rows.tiles[inner]))
             : 1;
}

double Search::one_tile(const Lanes& l, const Rows& rows, std::int64_t count, std::int64_t width,
                        const LaneLoads& loads) const {
  const std::int64_t vectors = divide_up(width, lanes_);
  const double widened =
      (is_half(spec_.a_dtype) ? kWidenedRow * static_cast<double>(count) : 0) +
      (is_half(spec_.b_dtype) && !l.pack ? kWidenedVector * static_cast<double>(vectors) : 0);
  const double products = byte_products(spec_) * static_cast<double>(count * vectors);
  const double cycles = step(l, rows, count, vectors, loads) + widened + products;
  return cycles * static_cast<double>(summed_) * loop_overhead_ + 20 +
         static_cast<double>(count * vectors);
}

// What all tiles of a schedule wait for what lies beyond the L2 cache, in the order of Tiles.
class Memory {
 public:
  Memory(const ContractionSpec& spec, const Target& target, DType dtype, const TileSchedule& s)
      : spec_(spec), target_(target), bytes_(static_cast<std::int64_t>(size_of(dtype))), s_(s) {
    for (int i = 0; i < static_cast<int>(spec.axes.size()); ++i) {
      const Axis& x = spec.axes[static_cast<std::size_t>(i)];
      const bool outside =
          std::find(s.split_axes.begin(), s.split_axes.end(), i) != s.split_axes.end();
      if (outside) rounds_ *= static_cast<double>(x.extent);
      const std::int64_t all = outside ? 1 : x.extent,
                         tile = x.summed() ? all : std::min(x.extent, s.tile_of(i));
      all_.push_back(all);
      tile_.push_back(tile);
      if (x.summed()) continue;
      const auto steps = static_cast<double>(divide_up(x.extent, tile));
      tiles_ *= steps;
      if (x.a != 0) panels_of_a_ *= steps;
      if (x.b != 0) panels_of_b_ *= steps;
    }
    if (!s.split_axes.empty()) keep_steps_inside();
  }

  double tiles() const { return tiles_; }

  // Of a split sum: what its parts wait for, and partial results that come and go.
  double wait_of_split() const {
    const double result = spec_.result_elements() * static_cast<double>(bytes_);
    const bool near = result <= static_cast<double>(target_.l2_bytes) / 2;
    return rounds_ * (wait() + result / kLine * (near ? 4 : 16));
  }

  // Each tile's rows, which the next tile goes on with where b is walked innermost, beside the FMAs
  // of that tile.
  double store_result() const {
    const Axis& lanes = spec_.axes[static_cast<std::size_t>(s_.vector_axis)];
    if (lanes.strided > 0 && !s_.in_rows) return 0;  // see scattered_cycles
    const bool beside = s_.b_is_small;
    const std::int64_t run = beside ? lanes.extent : s_.vector_tile;
    std::int64_t apart = lanes.extent;
    for (const int i : s_.row_axes)
      apart = std::max(apart, spec_.axes[static_cast<std::size_t>(i)].apart);
    return stored_cycles(spec_.result_elements() * static_cast<double>(bytes_), run * bytes_,
                         beside ? 0 : apart * bytes_, target_);
  }

  double wait() const {
    const OperandWalk a = walk_over(spec_.axes, &Axis::a, tile_, bytes_, target_),
                      b = walk_over(spec_.axes, &Axis::b, tile_, bytes_, target_);
    return wait_for(a, s_.pack_b ? walk_panel() : b);
  }

  // To fill the panels.
  double pack() const {
    if (!s_.pack_b) return 0;
    double elements = 1;
    for (const Axis& x : spec_.axes) elements *= x.b != 0 ? static_cast<double>(x.extent) : 1;
    return panels_of_b_ * walk_over(spec_.axes, &Axis::b, tile_, bytes_, target_).copied() +
           elements * kPacked + launch_cycles(elements);
  }

 private:
  // As SplitTiles does where the whole sum is split: what fits the L1 cache stays inside of a tile.
  void keep_steps_inside() {
    if (std::any_of(spec_.axes.begin(), spec_.axes.end(), [&](const Axis& x) {
          const auto i = static_cast<std::size_t>(&x - spec_.axes.data());
          return x.summed() && all_[i] > 1;
        }))
      return;
    const auto last = static_cast<std::size_t>(s_.split_axes.back());
    const std::int64_t most =
        std::max<std::int64_t>(1, 4 * target_.l1_bytes / (s_.vector_tile * bytes_));
    tile_[last] = all_[last] = std::min(most, spec_.axes[last].extent);
    rounds_ /= static_cast<double>(all_[last]);
  }
  // A small b: all of it for each tile of rows. A large one: a panel at a time, all rows under it.
  double wait_for(const OperandWalk& a, const OperandWalk& b) const {
    if (s_.b_is_small) {
      const double again = a.fits ? 1 : tiles_ / panels_of_a_;
      return a.far(panels_of_a_ * again) +
             b.far(whole(&Axis::b).fits || s_.pack_b ? panels_of_b_ : tiles_);
    }
    const double again = b.fits ? 1 : tiles_ / panels_of_b_;
    return b.far(panels_of_b_ * again) + a.far(whole(&Axis::a).fits ? panels_of_a_ : tiles_);
  }

  OperandWalk walk_panel() const {
    double bytes = static_cast<double>(s_.vector_tile * bytes_);
    for (const Axis& x : spec_.axes) bytes *= x.summed() ? static_cast<double>(x.extent) : 1;
    return walk_along(bytes, target_);  // never of a split sum
  }
  // All of an operand.
  OperandWalk whole(std::int64_t Axis::* step) const {
    return walk_over(spec_.axes, step, all_, bytes_, target_);
  }

  const ContractionSpec& spec_;
  const Target& target_;
  const std::int64_t bytes_;
  const TileSchedule& s_;
  Steps tile_, all_;   // steps of each axis in one tile, in one round
  double rounds_ = 1;  // of the sum outside of the tiles
  double tiles_ = 1, panels_of_a_ = 1, panels_of_b_ = 1;
};

// A long sum over a small result, or one with few tiles for the team, may run outside of the tiles.
std::optional<TileSchedule> split(const ContractionSpec& spec, const Target& target, DType dtype,
                                  TileSchedule s) {
  const auto size = static_cast<std::int64_t>(size_of(dtype));
  std::vector<int> summed;
  std::int64_t k = 1;
  for (std::size_t i = 0; i < spec.axes.size(); ++i) {
    if (!spec.axes[i].summed()) continue;
    summed.push_back(static_cast<int>(i));
    k *= spec.axes[i].extent;
  }
  const double result = spec.result_elements() * static_cast<double>(size);
  if (summed.empty() || spec.macs() < 2e5 || result > kMostSplit) return {};
  std::size_t taken = 0;
  while (taken < summed.size() && (taken == 0 || k * s.vector_tile * size > target.l1_bytes * 4)) {
    k /= spec.axes[static_cast<std::size_t>(summed[taken])].extent;
    s.split_axes.push_back(summed[taken++]);
    if (k <= 64) break;
  }
  s.chunks = std::min<std::int64_t>(target.threads,
                                    spec.axes[static_cast<std::size_t>(s.split_axes[0])].extent);
  return s;
}

// What comes to the cycles of the tiles themselves.
void add_memory(const ContractionSpec& spec, const Target& target, DType dtype, TileSchedule* s) {
  const Memory memory(spec, target, dtype, *s);
  if (!s->split_axes.empty()) {
    // The copies are cleared and added up.
    s->cycles +=
        memory.wait_of_split() + spec.result_elements() * static_cast<double>(s->chunks) * 0.5;
    s->cycles *= idle_factor(target, static_cast<double>(s->chunks));
    return;
  }
  s->pack_cycles = spec.copies_of_b() * memory.pack();
  s->cycles = (beside(s->cycles, memory.store_result()) + memory.wait()) *
                  idle_factor(target, memory.tiles()) +
              s->pack_cycles;
}

// Whether all of b that lies under the lanes' axis stays in the cache.
bool small_b(const ContractionSpec& spec, const TileSchedule& s, std::int64_t element_bytes,
             const Target& target) {
  std::int64_t bytes = spec.axes[static_cast<std::size_t>(s.vector_axis)].extent * element_bytes;
  for (const Axis& x : spec.axes) bytes *= x.summed() ? x.extent : 1;
  return bytes <= target.l2_bytes / 2;
}

}  // namespace

std::vector<TileSchedule> search_tiles(const ContractionSpec& spec, const Target& target,
                                       DType dtype) {
  std::vector<TileSchedule> all;
  const bool pooled =
      std::any_of(spec.axes.begin(), spec.axes.end(), [](const Axis& x) { return x.unit > 1; });
  for (const bool swap : {false, true}) {
    const ContractionSpec turned = swap ? spec.swapped() : spec;
    for (TileSchedule& s : Search(turned, target, dtype).run()) {
      s.swap = swap;
      s.b_is_small = small_b(turned, s, static_cast<std::int64_t>(size_of(dtype)), target);
      if (!pooled && !s.pack_b) {
        if (auto outside = split(turned, target, dtype, s)) {
          add_memory(turned, target, dtype, &*outside);
          all.push_back(std::move(*outside));
        }
      }
      add_memory(turned, target, dtype, &s);
      all.push_back(std::move(s));
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& x, const auto& y) { return x.cycles < y.cycles; });
  return all;
}

}  // namespace lilith::schedule
