#include <algorithm>

#include "core/env.h"
#include "schedule/cpu/contraction/known_searches.h"
#include "schedule/cpu/winograd/sums.h"
#include "schedule/cpu/winograd/tiles.h"
#include "schedule/cpu/winograd/winograd.h"
#include "schedule/kernel/typical.h"

namespace lilith::schedule {
namespace {

// Squares of 6x6 round more than direct sums do: as much as `high` allows products of f32.
bool is_allowed(int outputs, int taps, const Target& target) {
  return outputs + taps - 1 <= (target.precision == Precision::highest ? 4 : 6);
}

bool is_f32(const Product& g) {
  return g.core->aval.dtype == DType::F32 &&
         std::ranges::all_of(g.core->inputs,
                             [](const ir::NodeImpl* in) { return in->aval.dtype == DType::F32; });
}

// Where sizes vary, each has copies of the weights of its own, and kernels take longer to compile:
// too much for little work. Without masks, which poolings do not go with, they would be other
// kernels for each size.
bool pays_where_sizes_vary(const Product& g, const ContractionSpec& spec, const Target& target) {
  constexpr double kLeast = 1 << 25;
  return g.pool == nullptr && target.isa != Isa::Baseline && spec.macs() >= kLeast;
}

bool are_all(std::int64_t extent, const ContractionSpec& spec, const int (&axes)[2]) {
  return std::ranges::all_of(
      axes, [&](int i) { return spec.axes[static_cast<std::size_t>(i)].extent == extent; });
}

// What varies is the grid of tiles: taps and channels seem to where a size has been of their value.
ContractionSpec varying_along(ContractionSpec spec, const std::vector<int>& outer,
                              const int (&axes)[2]) {
  for (int i = 0; i < static_cast<int>(spec.axes.size()); ++i) {
    if (i != axes[0] && i != axes[1] && std::ranges::find(outer, i) == outer.end())
      spec.axes[static_cast<std::size_t>(i)].varies = false;
  }
  return spec;
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

bool varies(const ContractionSpec& spec) { return std::ranges::any_of(spec.axes, &Axis::varies); }

/// Which search it was: two of them give the same kind of schedules.
enum class Asked : char { Best, Shapes };

/// Layers of a network ask for the same again and again.
template <class Schedule>
std::vector<Schedule> find(Asked asked, const ContractionSpec& spec, const Correlation& form,
                           int size, const Target& target,
                           std::vector<Schedule> (*search)(const ContractionSpec&,
                                                           const Correlation&, int,
                                                           const Target&)) {
  static KnownSearches<Schedule> known;
  std::string key = search_key(spec, target, DType::F32);
  key += static_cast<char>(size);
  key += static_cast<char>(asked);
  return known.find_or(key, [&] { return search(spec, form, size, target); });
}

// Where extents vary: the best for typical ones, so that all extents come to the same. Groups pass
// over tiles that there are not.
std::vector<WinogradSchedule> find_tiles(const ContractionSpec& spec, const Correlation& form,
                                         int outputs, const Target& target) {
  if (!varies(spec)) return find(Asked::Best, spec, form, outputs, target, search_winograd);
  const ContractionSpec sizes = typical_or_more(spec);
  auto found = find(Asked::Best, sizes, form, outputs, target, search_winograd);
  for (WinogradSchedule& s : found) {
    s.cycles *= spec.macs() / sizes.macs();
    s.pack_cycles *= spec.macs() / sizes.macs();
  }
  return found;
}

// Where extents vary: all orders of sums that these alone might be given, in shapes for typical
// ones.
std::vector<WinogradSumSchedule> find_sums(const ContractionSpec& spec, const Correlation& form,
                                           int taps, const Target& target) {
  if (!varies(spec)) return find(Asked::Best, spec, form, taps, target, search_winograd_sums);
  return winograd_sums_like(
      spec, form, taps, target,
      find(Asked::Shapes, typical(spec), form, taps, target, search_winograd_sum_shapes));
}

}  // namespace

void add_winograd_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                       std::vector<Choice>* ways) {
  if (env::disabled("winograd") || !is_f32(g)) return;
  const auto has_varied = [&](const Axis& x) { return b.has_varied(x.extent); };
  if (std::ranges::any_of(spec.axes, has_varied) && !pays_where_sizes_vary(g, spec, b.target))
    return;
  const auto form = find_correlation(spec);
  if (!form) return;
  const Layout layout =
      innermost(g.domain.rank(), spec.axes[static_cast<std::size_t>(form->columns)].out_dim);
  const int taps = are_all(3, spec, form->taps) ? 3 : are_all(5, spec, form->taps) ? 5 : 0;
  for (const int n : {4, 2}) {
    if (!hold_windows(spec, *form, n)) continue;
    if (taps > 0 && is_allowed(n, taps, b.target)) {
      const ContractionSpec tiles = varying_along(spec, form->rows, form->result);
      for (const WinogradSchedule& s : find_tiles(tiles, *form, n, b.target))
        add<WinogradTiles>(b, g, tiles, layout, s, {kWinograd, n, s.taps}, ways);
    } else if (are_all(3, spec, form->result) && g.pool == nullptr && is_allowed(3, n, b.target)) {
      const ContractionSpec sums = varying_along(spec, form->summed, form->taps);
      for (const WinogradSumSchedule& s : find_sums(sums, *form, n, b.target))
        add<WinogradSums>(b, g, sums, layout, s, {kWinograd, n, s.tiles, s.chunks}, ways);
    }
  }
}

}  // namespace lilith::schedule
