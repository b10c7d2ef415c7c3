#include <algorithm>
#include <cmath>
#include <optional>

#include "schedule/cpu/contraction/tile_schedule.h"
#include "schedule/cpu/tasks.h"

// The analytic model: cycles of the inner loop for every way to lay a register tile over the
// result: which axis runs in the lanes, how many vectors of it, and which one or two axes are the
// tile's rows.
namespace lilith::schedule {
namespace {

constexpr std::int64_t kPage = 4096;

double innermost_overhead(const ContractionSpec& spec) {
  std::int64_t inner = 1;
  for (const Axis& x : spec.axes) {
    if (x.summed()) inner = x.extent;
  }
  return 1.0 + 0.5 / static_cast<double>(inner);
}

// Tiles of the whole result: how many there are of a full set of rows, and the rows of one more.
struct Rows {
  std::vector<int> axes;  // the last innermost
  std::vector<std::int64_t> tiles;
  std::int64_t rows = 1, full = 1, rest = 0;
  double covered = 1;  // elements of the axes
};

// One axis of the result in the lanes.
struct Lanes {
  int axis = -1;
  bool swap = false, pack = false;
  std::vector<int> row_axes;    // those that move a and not b
  double others = 1;            // tiles repeat over every other axis of the result
  double fixed_cycles = 0;      // whatever the tile
  double far_a = 0, far_b = 0;  // cycles that a step of the sum waits for a line of a, of b
};

class Search {
 public:
  Search(const ContractionSpec& spec, const Target& target, DType dtype)
      : spec_(spec),
        target_(target),
        lanes_(target.lanes(dtype)),
        element_bytes_(static_cast<std::int64_t>(size_of(dtype))),
        loop_overhead_(innermost_overhead(spec)) {
    for (const Axis& x : spec.axes) (x.summed() ? summed_ : result_) *= x.extent;
  }

  // The best tile of every way to lie in the lanes, the best of all first.
  std::vector<TileSchedule> run() {
    for (int v = 0; v < axes(); ++v) {
      for (const bool swap : {false, true}) {
        for (const bool pack : {false, true}) {
          if (const auto lanes = in_lanes(v, swap, pack)) try_tiles(*lanes);
        }
      }
    }
    if (found_.empty()) return {};
    // Of near equals the first.
    auto best = found_.begin();
    for (auto it = found_.begin(); it != found_.end(); ++it) {
      if (it->cycles < best->cycles * 0.999) best = it;
    }
    std::rotate(found_.begin(), best, best + 1);
    std::stable_sort(found_.begin() + 1, found_.end(),
                     [](const auto& x, const auto& y) { return x.cycles < y.cycles; });
    return std::move(found_);
  }

 private:
  int axes() const { return static_cast<int>(spec_.axes.size()); }
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }
  static std::int64_t step_a(const Axis& x, bool swap) { return swap ? x.b : x.a; }
  static std::int64_t step_b(const Axis& x, bool swap) { return swap ? x.a : x.b; }

  std::optional<Lanes> in_lanes(int v, bool swap, bool pack) const;
  double fixed_cycles(const Lanes& l) const;
  double far_steps(bool swap, std::int64_t (*step)(const Axis&, bool)) const;
  void try_tiles(const Lanes& l);
  void try_two_axes(const Lanes& l, std::int64_t vectors, std::int64_t most, int outer, int inner);
  void consider(const Lanes& l, std::int64_t vectors, Rows rows);
  bool holds_units(const Rows& rows) const;
  double row_distance(const Lanes& l, const Rows& rows) const;
  double all_tiles(const Lanes& l, const Rows& rows, std::int64_t extent, std::int64_t width) const;
  double one_tile(std::int64_t rows, std::int64_t width, double b_load, double far) const;

  const ContractionSpec& spec_;
  const Target& target_;
  std::int64_t lanes_, element_bytes_;
  double loop_overhead_;
  std::int64_t summed_ = 1;  // steps of the summed axes
  std::int64_t result_ = 1;  // elements
  std::vector<TileSchedule> found_;
  TileSchedule best_;  // of so many vectors in the lanes
};

std::optional<Lanes> Search::in_lanes(int v, bool swap, bool pack) const {
  const Axis& vec = axis(v);
  if (vec.summed() || vec.unit > 1) return {};
  const std::int64_t a = step_a(vec, swap), b = step_b(vec, swap);
  if (b == 0 || (a != 0 && swap)) return {};
  if (a != 0 && a != 1) return {};  // a batch axis: both must be contiguous
  // Panels are needed where b is not contiguous, and help where its rows lie far apart.
  if (pack ? a != 0 || (b == 1 && far_steps(swap, &step_b) == 0) : b != 1) return {};
  Lanes l{v, swap, pack};
  // Pooling and the next convolution want the channels in the lanes.
  const bool spatial =
      vec.name.size() == 2 && vec.name[0] == 'o' && vec.name[1] >= '0' && vec.name[1] <= '9';
  l.others = spatial ? 1.35 : 1;
  for (int r = 0; r < axes(); ++r) {
    const Axis& x = axis(r);
    if (r == v || x.summed()) continue;
    if (step_a(x, swap) != 0 && step_b(x, swap) == 0) l.row_axes.push_back(r);
    l.others *= static_cast<double>(x.extent);
  }
  l.far_a = far_steps(swap, &step_a);
  l.far_b = pack ? 0 : far_steps(swap, &step_b);
  l.fixed_cycles = fixed_cycles(l);
  return l;
}

double Search::fixed_cycles(const Lanes& l) const {
  const Axis& vec = axis(l.axis);
  double b_elements = static_cast<double>(vec.extent) * static_cast<double>(summed_);
  for (const Axis& x : spec_.axes) {
    if (&x != &vec && !x.summed() && step_b(x, l.swap) != 0)
      b_elements *= static_cast<double>(x.extent);
  }
  const double pack_cycles = l.pack ? b_elements * 1.5 + 4000 : 0;  // and a launch
  // A gather or scatter takes its elements one by one.
  return pack_cycles + 1.5 * vec.strided * static_cast<double>(result_);
}

// What a step of the sum waits for an operand whose elements lie pages apart along it: the hardware
// does not foresee them, and they compete for a few sets of the caches.
double Search::far_steps(bool swap, std::int64_t (*step)(const Axis&, bool)) const {
  std::int64_t least = 0, steps = 1;
  for (const Axis& x : spec_.axes) {
    const std::int64_t bytes = std::abs(step(x, swap)) * element_bytes_;
    if (!x.summed() || bytes == 0 || x.extent == 1) continue;
    if (least == 0 || bytes < least) {
      least = bytes;
      steps = x.extent;
    }
  }
  if (least < kPage || steps * kLine <= target_.l1_bytes) return 0;
  return least % kPage == 0 ? 3 : 1;
}

void Search::try_tiles(const Lanes& l) {
  for (std::int64_t vectors = 1; vectors <= 4; ++vectors) {
    if ((vectors - 1) * lanes_ >= axis(l.axis).extent) return;
    const std::int64_t most =
        std::max<std::int64_t>(1, (target_.vector_registers - 1 - vectors) / vectors);
    best_.cycles = INFINITY;
    consider(l, vectors, {});
    for (const int r : l.row_axes) {
      const std::int64_t m = axis(r).extent;
      for (std::int64_t rows = 2; rows <= std::min(most, m); ++rows)
        consider(l, vectors, {{r}, {rows}, rows, m / rows, m % rows, static_cast<double>(m)});
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
  // Windows over both: as many along the inner axis as there is room for.
  const std::int64_t w = axis(inner).unit, h = axis(outer).unit;
  for (std::int64_t t = w; h > 1 && w > 1 && h * t <= most && t <= m; t += w) {
    consider(l, vectors,
             {{outer, inner}, {h, t}, h * t, m / t, m % t * h, static_cast<double>(m * h)});
  }
  // The inner axis whole, the outer one by a divisor.
  for (std::int64_t t = 2; m * t <= most && t <= n; ++t) {
    if (n % t != 0) continue;
    consider(l, vectors, {{outer, inner}, {t, m}, m * t, n / t, 0, static_cast<double>(m * n)});
  }
}

void Search::consider(const Lanes& l, std::int64_t vectors, Rows rows) {
  if (!holds_units(rows)) return;
  const std::int64_t extent = axis(l.axis).extent, width = std::min(vectors * lanes_, extent);
  const double cycles =
      all_tiles(l, rows, extent, width) * (l.others / rows.covered) * row_distance(l, rows) +
      l.fixed_cycles;
  if (cycles >= best_.cycles * 0.999) return;
  best_.cycles = cycles;
  best_.vector_axis = l.axis;
  best_.swap = l.swap;
  best_.pack_b = l.pack;
  best_.vector_tile = width;
  best_.row_axes = std::move(rows.axes);
  best_.row_tiles = std::move(rows.tiles);
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

// Rows that lie a multiple of a page apart compete for the same lines of the L1 cache, which has as
// many ways as pages, and each has a translation of its own.
double Search::row_distance(const Lanes& l, const Rows& rows) const {
  double factor = 1;
  for (std::size_t k = 0; k < rows.axes.size(); ++k) {
    const std::int64_t bytes = std::abs(step_a(axis(rows.axes[k]), l.swap)) * element_bytes_;
    if (rows.tiles[k] < 2) continue;
    if (bytes % kPage == 0)
      factor *= rows.tiles[k] > target_.l1_bytes / kPage ? 1.8 : 1.1;
    else if (bytes % 1024 == 0 && rows.tiles[k] > 4)
      factor *= 1.3;
    else if (bytes > kPage)
      factor *= 1.03;
  }
  return factor;
}

// Cycles for the tiles along the rows and the vector axis, `width` elements of it in each.
double Search::all_tiles(const Lanes& l, const Rows& rows, std::int64_t extent,
                         std::int64_t width) const {
  // A panel of b that outgrows the L1 cache comes from the L2 cache for every tile of rows.
  const double b_load = summed_ * width * element_bytes_ * 4 > target_.l1_bytes * 3 ? 2.0 : 0.5;
  // Rows next to each other that are no part of a line touch two.
  const bool straddle = rows.axes.size() == 1 && step_a(axis(rows.axes[0]), l.swap) == 1 &&
                        kLine % (rows.rows * element_bytes_) != 0;
  const double far = l.far_a * (straddle ? 2 : 1) + l.far_b;
  const std::int64_t full = extent / width, rest = extent % width;
  const auto columns = [&](std::int64_t n) {
    return static_cast<double>(full) * one_tile(n, width, b_load, far) +
           (rest ? one_tile(n, rest, b_load, far) : 0);
  };
  return static_cast<double>(rows.full) * columns(rows.rows) +
         (rows.rest > 0 ? columns(rows.rest) : 0);
}

double Search::one_tile(std::int64_t rows, std::int64_t width, double b_load, double far) const {
  const std::int64_t vectors = (width + lanes_ - 1) / lanes_;
  const double fma = static_cast<double>(rows * vectors) / 2;
  const double loads = static_cast<double>(rows) / 2 + static_cast<double>(vectors) * b_load;
  const double latency = 4;
  return (std::max({fma, loads, latency}) + far) * static_cast<double>(summed_) * loop_overhead_ +
         20 + static_cast<double>(rows * vectors);
}

std::int64_t tasks_of(const ContractionSpec& spec, const TileSchedule& s) {
  std::int64_t tasks = 1;
  for (int r = 0; r < static_cast<int>(spec.axes.size()); ++r) {
    const Axis& x = spec.axes[static_cast<std::size_t>(r)];
    if (!x.summed()) tasks *= (x.extent + s.tile_of(r) - 1) / s.tile_of(r);
  }
  return tasks;
}

}  // namespace

std::vector<TileSchedule> search_tiles(const ContractionSpec& spec, const Target& target,
                                       DType dtype) {
  return Search(spec, target, dtype).run();
}

void choose_split(const ContractionSpec& spec, const Target& target, DType dtype,
                  std::int64_t result, TileSchedule* s) {
  const std::int64_t tasks = tasks_of(spec, *s);
  const auto size = static_cast<std::int64_t>(size_of(dtype));
  std::vector<int> summed;
  std::int64_t k = 1;
  double macs = 1;
  for (std::size_t i = 0; i < spec.axes.size(); ++i) {
    macs *= static_cast<double>(spec.axes[i].extent);
    if (!spec.axes[i].summed()) continue;
    summed.push_back(static_cast<int>(i));
    k *= spec.axes[i].extent;
  }
  const std::int64_t panel = k * s->vector_tile * size;
  const bool long_sum = panel > target.l2_bytes / 2 && result * size <= target.l2_bytes / 4;
  const bool few_tasks = tasks < 2 * target.threads && target.threads > 1 && macs > 2e5 &&
                         result * size <= target.l2_bytes / 4;
  if ((!long_sum && !few_tasks) || summed.empty()) return;
  std::size_t taken = 0;
  while (taken < summed.size() && (taken == 0 || k * s->vector_tile * size > target.l1_bytes * 4)) {
    k /= spec.axes[static_cast<std::size_t>(summed[taken])].extent;
    s->split_axes.push_back(summed[taken++]);
    if (k <= 64) break;
  }
  s->chunks = std::min<std::int64_t>(target.threads,
                                     spec.axes[static_cast<std::size_t>(s->split_axes[0])].extent);
}

}  // namespace lilith::schedule
