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

bool are_all(std::int64_t extent, const ContractionSpec& spec, const int (&axes)[2]) {
  return std::ranges::all_of(
      axes, [&](int i) { return spec.axes[static_cast<std::size_t>(i)].extent == extent; });
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
  // Its kernels would be others for each size.
  if (std::ranges::any_of(spec.axes, [&](const Axis& x) { return b.has_varied(x.extent); })) return;
  const auto form = find_correlation(spec);
  if (!form) return;
  const Layout layout =
      innermost(g.domain.rank(), spec.axes[static_cast<std::size_t>(form->columns)].out_dim);
  for (const int n : outputs_allowed(b.target)) {
    if (!hold_windows(spec, *form, n)) continue;
    if (is_offered(n, spec, *form, b.target)) {
      for (const WinogradSchedule& s : find(spec, *form, n, b.target, search_winograd))
        add<WinogradTiles>(b, g, spec, layout, s, {kWinograd, n, s.taps}, ways);
    } else if (are_all(3, spec, form->result) && g.pool == nullptr) {
      for (const WinogradSumSchedule& s : find(spec, *form, n, b.target, search_winograd_sums))
        add<WinogradSums>(b, g, spec, layout, s, {kWinograd, n, s.tiles, s.chunks}, ways);
    }
  }
}

}  // namespace lilith::schedule
