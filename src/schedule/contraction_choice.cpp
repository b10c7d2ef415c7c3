#include <algorithm>
#include <cmath>

#include "schedule/contraction.h"

// The analytic model: cycles of the inner loop for every way to lay a register tile over the
// result.
namespace lilith::schedule {
namespace {

struct Model {
  const ContractionSpec& spec;
  const Target& target;
  std::int64_t lanes;
  std::int64_t element_bytes;
  std::int64_t summed = 1;  // steps of the summed axes
  std::int64_t result = 1;  // elements

  // Cycles for all tiles along rows (extent m in tiles of mr) and the vector axis (n in tiles of
  // nr).
  double tiles(std::int64_t rows_full, std::int64_t rows_rest, std::int64_t mr, std::int64_t n,
               std::int64_t nr, double k_loop_overhead) const {
    // A panel of b that outgrows the L1 cache comes from the L2 cache for every tile of rows.
    const double b_load = summed * nr * element_bytes * 4 > target.l1_bytes * 3 ? 2.0 : 0.5;
    const auto one = [&](std::int64_t rows, std::int64_t vectors) {
      const double fma = static_cast<double>(rows * vectors) / 2;
      const double loads = static_cast<double>(rows) / 2 + static_cast<double>(vectors) * b_load;
      const double latency = 4;
      return std::max({fma, loads, latency}) * static_cast<double>(summed) * k_loop_overhead + 20 +
             static_cast<double>(rows * vectors);
    };
    double total = 0;
    const std::int64_t full = n / nr, rest = n % nr;
    const std::int64_t nv = (nr + lanes - 1) / lanes, rest_nv = (rest + lanes - 1) / lanes;
    const auto columns = [&](std::int64_t rows) {
      return static_cast<double>(full) * one(rows, nv) + (rest ? one(rows, rest_nv) : 0);
    };
    total += static_cast<double>(rows_full) * columns(mr);
    if (rows_rest > 0) total += columns(rows_rest);
    return total;
  }
};

double innermost_overhead(const ContractionSpec& spec) {
  std::int64_t inner = 1;
  for (const Axis& x : spec.axes) {
    if (x.summed()) inner = x.extent;
  }
  return 1.0 + 0.5 / static_cast<double>(inner);
}

// Rows that lie a multiple of a page apart compete for the same lines of the L1 cache, and each has
// a translation of its own.
double row_distance(const ContractionSpec& spec, const std::vector<int>& rows,
                    const std::vector<std::int64_t>& tiles, bool swap, DType dtype) {
  double factor = 1;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const Axis& x = spec.axes[static_cast<std::size_t>(rows[k])];
    const std::int64_t bytes =
        std::abs(swap ? x.b : x.a) * static_cast<std::int64_t>(size_of(dtype));
    if (tiles[k] < 2) continue;
    if (bytes % 4096 == 0)
      factor *= 1.8;
    else if (bytes % 1024 == 0 && tiles[k] > 4)
      factor *= 1.3;
    else if (bytes > 4096)
      factor *= 1.03;
  }
  return factor;
}

// Whether the tile holds whole windows of what is pooled.
bool holds_units(const ContractionSpec& spec, const std::vector<int>& rows,
                 const std::vector<std::int64_t>& tiles) {
  for (std::size_t i = 0; i < spec.axes.size(); ++i) {
    const auto row = std::find(rows.begin(), rows.end(), static_cast<int>(i));
    const std::int64_t tile =
        row == rows.end() ? 1 : tiles[static_cast<std::size_t>(row - rows.begin())];
    if (tile % spec.axes[i].unit != 0) return false;
  }
  return true;
}

// Fills in split_axes and chunks: a long sum over a small result runs outside of the tiles.
void choose_split(const ContractionSpec& spec, const Target& target, DType dtype,
                  std::int64_t tasks, std::int64_t result, double macs, ContractionSchedule* s) {
  const auto size = static_cast<std::int64_t>(size_of(dtype));
  std::vector<int> summed;
  std::int64_t k = 1;
  for (std::size_t i = 0; i < spec.axes.size(); ++i) {
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

}  // namespace

ContractionSchedule choose_schedule(const ContractionSpec& spec, const Target& target, DType dtype,
                                    const Shape& out) {
  Model model{spec, target, target.lanes(dtype), static_cast<std::int64_t>(size_of(dtype))};
  double macs = 1;
  for (const Axis& x : spec.axes) {
    (x.summed() ? model.summed : model.result) *= x.extent;
    macs *= static_cast<double>(x.extent);
  }
  const double overhead = innermost_overhead(spec);
  ContractionSchedule best;
  best.cycles = INFINITY;
  const auto n_axes = static_cast<int>(spec.axes.size());
  for (int v = 0; v < n_axes; ++v) {
    const Axis& vec = spec.axes[static_cast<std::size_t>(v)];
    if (vec.summed()) continue;
    for (const bool swap : {false, true}) {
      const std::int64_t vb = swap ? vec.a : vec.b, va = swap ? vec.b : vec.a;
      if (vb == 0 || (va != 0 && swap) || vec.unit > 1) continue;
      if (va != 0 && va != 1) continue;  // a batch axis in the lanes: both must be contiguous
      const bool pack = vb != 1;
      if (pack && va != 0) continue;
      // Row axes: those that move a and not b.
      std::vector<int> rows;
      for (int r = 0; r < n_axes; ++r) {
        const Axis& x = spec.axes[static_cast<std::size_t>(r)];
        const std::int64_t xa = swap ? x.b : x.a, xb = swap ? x.a : x.b;
        if (r != v && !x.summed() && xa != 0 && xb == 0) rows.push_back(r);
      }
      // Pooling and the next convolution want the channels in the lanes.
      const bool spatial =
          vec.name.size() == 2 && vec.name[0] == 'o' && vec.name[1] >= '0' && vec.name[1] <= '9';
      double others = spatial ? 1.35 : 1;  // tiles repeat over every other axis of the result
      for (int r = 0; r < n_axes; ++r) {
        if (r != v && !spec.axes[static_cast<std::size_t>(r)].summed())
          others *= static_cast<double>(spec.axes[static_cast<std::size_t>(r)].extent);
      }
      double b_elements = static_cast<double>(vec.extent) * static_cast<double>(model.summed);
      for (const Axis& x : spec.axes) {
        if (&x != &vec && !x.summed() && (swap ? x.a : x.b) != 0)
          b_elements *= static_cast<double>(x.extent);
      }
      const double pack_cycles = pack ? b_elements * 1.5 + 4000 : 0;  // and a launch
      // A gather or scatter takes its elements one by one.
      const double strided_cycles = 1.5 * vec.strided * static_cast<double>(model.result);
      const auto consider = [&](std::int64_t nv, std::vector<int> row_axes,
                                std::vector<std::int64_t> row_tiles, std::int64_t full,
                                std::int64_t rest, std::int64_t mr, double repeat) {
        std::int64_t nr = std::min(nv * model.lanes, vec.extent);
        if ((nv - 1) * model.lanes >= vec.extent || !holds_units(spec, row_axes, row_tiles)) return;
        const double cycles = model.tiles(full, rest, mr, vec.extent, nr, overhead) * repeat *
                                  row_distance(spec, row_axes, row_tiles, swap, dtype) +
                              pack_cycles + strided_cycles;
        if (cycles < best.cycles * 0.999) {
          best.cycles = cycles;
          best.vector_axis = v;
          best.swap = swap;
          best.vector_tile = nr;
          best.row_axes = std::move(row_axes);
          best.row_tiles = std::move(row_tiles);
          best.pack_b = pack;
        }
      };
      for (std::int64_t nv = 1; nv <= 4; ++nv) {
        const std::int64_t max_rows =
            std::max<std::int64_t>(1, (target.vector_registers - 1 - nv) / nv);
        consider(nv, {}, {}, 1, 0, 1, others);
        for (const int r : rows) {
          const std::int64_t m = spec.axes[static_cast<std::size_t>(r)].extent;
          for (std::int64_t mr = 2; mr <= std::min(max_rows, m); ++mr) {
            consider(nv, {r}, {mr}, m / mr, m % mr, mr, others / static_cast<double>(m));
          }
          for (const int q : rows) {
            const std::int64_t mq = spec.axes[static_cast<std::size_t>(q)].extent;
            // Windows over two axes: as many along the inner one as there is room for.
            const std::int64_t uq = spec.axes[static_cast<std::size_t>(q)].unit,
                               ur = spec.axes[static_cast<std::size_t>(r)].unit;
            for (std::int64_t mr = ur; q != r && uq > 1 && ur > 1 && uq * mr <= max_rows && mr <= m;
                 mr += ur) {
              consider(nv, {q, r}, {uq, mr}, m / mr, m % mr * uq, uq * mr,
                       others / static_cast<double>(m * uq));
            }
            // Two axes: the inner one whole, the outer one by a divisor.
            for (std::int64_t t = 2; q != r && m * t <= max_rows && t <= mq; ++t) {
              if (mq % t == 0)
                consider(nv, {q, r}, {t, m}, mq / t, 0, m * t,
                         others / static_cast<double>(m * mq));
            }
          }
        }
      }
    }
  }
  if (best.vector_axis < 0) return best;
  std::int64_t tasks = 1;
  for (int r = 0; r < n_axes; ++r) {
    const Axis& x = spec.axes[static_cast<std::size_t>(r)];
    if (x.summed()) continue;
    std::int64_t tile = r == best.vector_axis ? best.vector_tile : 1;
    for (std::size_t k = 0; k < best.row_axes.size(); ++k) {
      if (best.row_axes[k] == r) tile = best.row_tiles[k];
    }
    tasks *= (x.extent + tile - 1) / tile;
  }
  const bool pooled =
      std::any_of(spec.axes.begin(), spec.axes.end(), [](const Axis& x) { return x.unit > 1; });
  if (!best.pack_b && !pooled) choose_split(spec, target, dtype, tasks, out.numel(), macs, &best);
  return best;
}

}  // namespace lilith::schedule
