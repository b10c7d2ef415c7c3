#include <algorithm>

#include "core/env.h"
#include "schedule/cpu/winograd/tiles.h"
#include "schedule/cpu/winograd/winograd.h"

namespace lilith::schedule {
namespace {

// What F(4x4, 3x3) rounds besides is within what `high` allows products of f32 to round.
std::vector<int> outputs_allowed(const Target& target) {
  if (target.precision == Precision::highest) return {2};
  return {4, 2};
}

bool is_f32(const Product& g) {
  return std::ranges::all_of(g.core->inputs,
                             [](const ir::NodeImpl* in) { return in->aval.dtype == DType::F32; }) &&
         g.core->aval.dtype == DType::F32;
}

}  // namespace

void add_winograd_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                       std::vector<Choice>* ways) {
  if (env::disabled("winograd") || g.pool != nullptr || !is_f32(g) || spec.macs() == 0) return;
  if (std::ranges::any_of(spec.axes, &Axis::varies)) return;
  const auto form = find_correlation(spec);
  if (!form) return;
  for (const int k : form->taps) {
    if (spec.axes[static_cast<std::size_t>(k)].extent != 3) return;
  }
  Layout layout = Layout::row_major(g.domain.rank());
  const int lanes = spec.axes[static_cast<std::size_t>(form->columns)].out_dim;
  std::erase(layout.order, lanes);
  layout.order.push_back(lanes);
  for (const int outputs : outputs_allowed(b.target)) {
    for (const WinogradSchedule& s : search_winograd(spec, *form, outputs, b.target)) {
      Choice way = laid_out(s.name(), s.cycles, g.stores, layout);
      way.sum_order = {kWinograd, outputs};
      way.emit = [&b, g, spec, layout, s] { WinogradTiles(b, g, spec, layout, s).emit(); };
      ways->push_back(std::move(way));
    }
  }
}

}  // namespace lilith::schedule
