#include <algorithm>

#include "core/env.h"
#include "schedule/cpu/contraction/known_searches.h"
#include "schedule/cpu/winograd/sums.h"
#include "schedule/cpu/winograd/tiles.h"
#include "schedule/cpu/winograd/winograd.h"

namespace lilith::schedule {
namespace {

// Squares of 6x6 round more than direct sums do: as much as `high` allows products of f32.
std::vector<int> outputs_allowed(const Target& target) {
  if (target.precision == Precision::highest) return {2};
  return {4, 2};
}

bool is_f32(const Product& g) {
  return g.core->aval.dtype == DType::F32 &&
         std::ranges::all_of(g.core->inputs,
                             [](const ir::NodeImpl* in) { return in->aval.dtype == DType::F32; });
}

// Where sizes vary, each has copies of the weights of its own, and kernels take longer to compile:
// too much for little work. Without masks they would be other kernels for each size.
bool pays_where_sizes_vary(const ContractionSpec& spec, const Target& target) {
  constexpr double kLeast = 1 << 25;
  return spec.macs() >= kLeast && target.isa != Isa::Baseline;
}

bool are_all(std::int64_t extent, const ContractionSpec& spec, const int (&axes)[2]) {
  return std::ranges::all_of(
      axes, [&](int i) { return spec.axes[static_cast<std::size_t>(i)].extent == extent; });
}

// What matrices are made for is no size that varies, though another one has been of that value.
ContractionSpec with_fixed(ContractionSpec spec, const int (&axes)[2]) {
  for (const int i : axes) spec.axes[static_cast<std::size_t>(i)].varies = false;
  return spec;
}

// F(2x2, 5x5) has the squares and so the error of F(4x4, 3x3).
bool is_offered(int outputs, const ContractionSpec& spec, const Correlation& c,
                const Target& target) {
  return are_all(3, spec, c.taps) ||
         (outputs == 2 && target.precision != Precision::highest && are_all(5, spec, c.taps));
}

// Whether tiles hold whole windows of what is pooled.
bool hold_windows(const ContractionSpec& spec, const Correlation& c, int outputs) {
  for (int i = 0; i < static_cast<int>(spec.axes.size()); ++i) {
    const std::int64_t unit = spec.axes[static_cast<std::size_t>(i)].unit;
    if (unit > 1 && ((i != c.result[0] && i != c.result[1]) || outputs % unit != 0)) return false;
  }
  return true;
}

template <class Kernel, class Schedule>
void add(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
         const Schedule& s, std::vector<std::int64_t> sum_order, std::vector<Choice>* ways) {
  Choice way = laid_out(s.name(), s.cycles, g.stores,
                        s.in_rows ? Layout::row_major(g.domain.rank()) : layout);
  way.sum_order = std::move(sum_order);
  way.emit = [&b, g, spec, layout, s] { Kernel(b, g, spec, layout, s).emit(); };
  ways->push_back(std::move(way));
}

/// Layers of a network ask for the same again and again.
template <class Schedule>
std::vector<Schedule> find(const ContractionSpec& spec, const Correlation& form, int outputs,
                           const Target& target,
                           std::vector<Schedule> (*search)(const ContractionSpec&,
                                                           const Correlation&, int,
                                                           const Target&)) {
  static KnownSearches<Schedule> known;
  return known.find_or(search_key(spec, target, DType::F32) + static_cast<char>(outputs),
                       [&] { return search(spec, form, outputs, target); });
}

}  // namespace

void add_winograd_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                       std::vector<Choice>* ways) {
  if (env::disabled("winograd") || !is_f32(g)) return;
  const auto has_varied = [&](const Axis& x) { return b.has_varied(x.extent); };
  if (std::ranges::any_of(spec.axes, has_varied) && !pays_where_sizes_vary(spec, b.target)) return;
  const auto form = find_correlation(spec);
  if (!form) return;
  const Layout layout =
      innermost(g.domain.rank(), spec.axes[static_cast<std::size_t>(form->columns)].out_dim);
  for (const int n : outputs_allowed(b.target)) {
    if (!hold_windows(spec, *form, n)) continue;
    if (is_offered(n, spec, *form, b.target)) {
      const ContractionSpec tiles = with_fixed(spec, form->taps);
      for (const WinogradSchedule& s : find(tiles, *form, n, b.target, search_winograd))
        add<WinogradTiles>(b, g, tiles, layout, s, {kWinograd, n, s.taps}, ways);
    } else if (are_all(3, spec, form->result) && g.pool == nullptr) {
      const ContractionSpec sums = with_fixed(spec, form->result);
      for (const WinogradSumSchedule& s : find(sums, *form, n, b.target, search_winograd_sums))
        add<WinogradSums>(b, g, sums, layout, s, {kWinograd, n, s.tiles, s.chunks}, ways);
    }
  }
}

}  // namespace lilith::schedule
