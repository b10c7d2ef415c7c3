#include "schedule/cpu/contraction/ways.h"

#include <algorithm>
#include <optional>

#include "schedule/cpu/contraction/blocked.h"
#include "schedule/cpu/contraction/epilogue_facts.h"
#include "schedule/cpu/contraction/known_searches.h"
#include "schedule/cpu/contraction/slab.h"
#include "schedule/cpu/winograd/winograd.h"
#include "schedule/kernel/axes.h"
#include "schedule/kernel/border.h"
#include "schedule/kernel/turned.h"
#include "schedule/kernel/typical.h"

namespace lilith::schedule {

Layout innermost(int rank, int dim) {
  Layout layout = Layout::row_major(rank);
  std::erase(layout.order, dim);
  layout.order.push_back(dim);
  return layout;
}

Choice laid_out(std::string name, double cycles, const Nodes& results, const Layout& layout) {
  Choice c{std::move(name), cycles, {}, {}};
  for (ir::NodeImpl* n : results) {
    const std::vector<int> turned = turned_order(n);
    c.results.emplace_back(n, turned.empty() ? layout : turned_layout(turned, layout));
  }
  return c;
}

namespace {

constexpr std::size_t kMostTiles = 6;  // ways with register tiles that are worth comparing

// Windows are counted in whole ones: what none reaches is not computed. False where more than one
// axis, or one with a stride, walks over them.
bool mark_windows(const Product& g, ContractionSpec* spec) {
  const auto& window = g.pool->attrs.ints("window");
  for (int d = 0; d < g.domain.rank(); ++d) {
    const std::int64_t unit = window[static_cast<std::size_t>(d)];
    if (unit == 1) continue;
    Axis* axis = nullptr;
    for (Axis& x : spec->axes) {
      if (x.out_dim != d) continue;
      if (axis != nullptr || x.out_step != 1) return false;
      axis = &x;
    }
    if (axis == nullptr) return false;
    axis->unit = unit;
    axis->extent = g.domain[d] * unit;
  }
  return true;
}

Layout lanes_innermost(const Product& g, const ContractionSpec& spec, int vector_axis) {
  return innermost(g.domain.rank(), spec.axes[static_cast<std::size_t>(vector_axis)].out_dim);
}

// What the ends of chunks depend on beside the extent: where the whole sum runs outside of the
// tiles they are cut by what a tile's lanes leave of the cache.
std::int64_t chunk_unit(const ContractionSpec& spec, const TileSchedule& s) {
  const auto summed = std::ranges::count_if(spec.axes, &Axis::summed);
  return static_cast<std::ptrdiff_t>(s.split_axes.size()) < summed ? 0 : s.vector_tile;
}

// Panels that an earlier product of the program has already cost nothing.
void share_panels(const Builder& b, const ContractionSpec& spec, const TileSchedule& s,
                  int pair_axis, Choice* way) {
  if (!s.pack_b) return;
  way->copies = Panels::key(spec, s.vector_axis, s.vector_tile, pair_axis);
  if (b.copies.contains(way->copies)) way->cycles -= s.pack_cycles;
}

// Where the results lie.
Layout result_layout(const Product& g, const Layout& product, const TileSchedule& s) {
  return s.in_rows ? Layout::row_major(g.domain.rank()) : product;
}

bool is_of_kind(const TileSchedule& x, const TileSchedule& y) {
  return x.vector_axis == y.vector_axis && x.split_axes == y.split_axes && x.chunks == y.chunks &&
         x.in_rows == y.in_rows;
}
bool is_of_kind(const BlockSchedule& x, const BlockSchedule& y) {
  return x.tile.vector_axis == y.tile.vector_axis;
}

void scale(TileSchedule* s, double by) {
  s->cycles *= by;
  s->pack_cycles *= by;
}
void scale(BlockSchedule* s, double by) {
  s->cycles *= by;
  scale(&s->tile, by);
}

// Schedules worth comparing, the best first. Where extents vary: those for typical ones, the best
// of each layout and order of sums, so that all extents come to the same.
template <class Schedule>
std::vector<Schedule> find_schedules(const Target& target, const Product& g,
                                     const ContractionSpec& spec,
                                     std::vector<Schedule> (*search)(const ContractionSpec&,
                                                                     const Target&, DType),
                                     std::string_view kind) {
  const DType dtype = compute_dtype(g.core->aval.dtype);
  const bool varies = std::ranges::any_of(spec.axes, &Axis::varies);
  const ContractionSpec sizes = typical_if_varying(spec);
  static KnownSearches<Schedule> known;
  auto found = known.find_or(search_key(sizes, target, dtype).append(kind), [&] {
    std::vector<Schedule> all = search(sizes, target, dtype), kept;
    for (Schedule& s : all) {
      const auto alike = [&](const Schedule& k) { return is_of_kind(k, s); };
      if (varies ? std::ranges::none_of(kept, alike) : kept.size() < kMostTiles)
        kept.push_back(std::move(s));
    }
    return kept;
  });
  if (varies && sizes.macs() > 0) {
    const double larger = spec.macs() / sizes.macs();
    for (Schedule& s : found) scale(&s, larger);
  }
  return found;
}

}  // namespace

void add_tile_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                   std::vector<Choice>* ways) {
  for (const TileSchedule& s : find_schedules(b.target, g, spec, search_tiles, "tiles")) {
    const Layout layout = lanes_innermost(g, spec, s.vector_axis);
    Choice way = laid_out(s.name(spec.axes, g.pool != nullptr), s.cycles, g.stores,
                          result_layout(g, layout, s));
    share_panels(b, s.swap ? spec.swapped() : spec, s, -1, &way);
    if (s.chunks > 1) way.sum_order = {kInChunks, s.chunks, chunk_unit(spec, s)};
    way.emit = [&b, g, spec, layout, s] {
      if (s.split_axes.empty())
        Tiles(b, g, spec, layout, s).emit();
      else
        SplitTiles(b, g, spec, layout, s).emit();
    };
    ways->push_back(std::move(way));
  }
}

void add_slab_ways(Builder& b, const Product& g, std::vector<Choice>* ways) {
  ir::NodeImpl* padded = g.core->inputs[0];
  ContractionSpec spec = make_spec(b, g.core);
  spec.a_dtype = compute_dtype(padded->aval.dtype);
  mark_strided(b, g, &spec);
  for (const TileSchedule& s : find_schedules(b.target, g, spec, search_tiles, "tiles")) {
    const std::optional<Slab> slab = find_slab(b, spec, padded, s);
    if (!slab) continue;
    const Layout layout = lanes_innermost(g, spec, s.vector_axis);
    Choice way = laid_out(slab->name(s.name(spec.axes, false)), s.cycles + slab->cycles, g.stores,
                          result_layout(g, layout, s));
    share_panels(b, s.swap ? spec.swapped() : spec, s, -1, &way);
    way.emit = [&b, g, spec, layout, s, slab] { SlabTiles(b, g, spec, layout, s, *slab).emit(); };
    ways->push_back(std::move(way));
  }
  std::ranges::stable_sort(*ways, {}, &Choice::cycles);
}

void add_blocked_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                      std::vector<Choice>* ways) {
  std::vector<BlockSchedule> all = find_schedules(b.target, g, spec, search_blocks, "blocks");
  for (BlockSchedule& s : find_schedules(b.target, g, spec, search_packed, "packed"))
    all.push_back(std::move(s));
  for (const BlockSchedule& s : all) {
    const Layout layout = lanes_innermost(g, spec, s.tile.vector_axis);
    Choice way = laid_out(s.name(spec.axes, g.pool != nullptr), s.cycles, g.stores,
                          result_layout(g, layout, s.tile));
    const ContractionSpec walked = cut_for(s.tile.swap ? spec.swapped() : spec, s);
    share_panels(b, walked, s.tile, s.pair_axis < 0 ? -1 : s.pair_axis + 1, &way);
    if (s.pair_axis >= 0 && g.core->aval.dtype != DType::I32 &&
        s.pair_axis + 2 < static_cast<int>(walked.axes.size()))
      way.sum_order = {kInPairs, s.pair_axis - (s.cut_axis >= 0 && s.pair_axis > s.cut_axis)};
    way.emit = [&b, g, spec, layout, s] { BlockedTiles(b, g, spec, layout, s).emit(); };
    ways->push_back(std::move(way));
  }
}

namespace {

// The layout that a product of such sizes is given: the best of the tiles for typical extents.
std::optional<Layout> usual_layout(Builder& b, const Product& g, ContractionSpec spec) {
  for (Axis& x : spec.axes) x.varies = true;
  const auto found = find_schedules(b.target, g, spec, search_tiles, "tiles");
  if (found.empty()) return {};
  return result_layout(g, lanes_innermost(g, spec, found.front().vector_axis), found.front());
}

// Small products lie as those of like sizes do, where that costs little: what is compiled for one
// size then serves others.
void prefer_usual_layout(Builder& b, const Product& g, const ContractionSpec& spec,
                         std::vector<Choice>* ways) {
  constexpr double kSmall = 4e4, kTimes = 1.15, kMore = 300;  // cycles
  if (ways->size() < 2 || ways->front().cycles > kSmall || g.pool != nullptr) return;
  const std::optional<Layout> usual = usual_layout(b, g, spec);
  if (!usual) return;
  const double most = kTimes * ways->front().cycles + kMore;
  const std::vector<std::pair<const ir::NodeImpl*, Layout>> results =
      laid_out("", 0, g.stores, *usual).results;
  std::ranges::stable_partition(
      *ways, [&](const Choice& c) { return c.cycles <= most && c.results == results; });
}

}  // namespace

std::vector<Choice> product_ways(Builder& b, const Product& g) {
  std::vector<Choice> ways;
  if (g.sparse) {
    add_sparse_ways(b, g, &ways);
    return ways;
  }
  if (padded_operand(b, g.core) != nullptr) {
    if (g.pool == nullptr) add_slab_ways(b, g, &ways);
    return ways;
  }
  ContractionSpec spec = make_spec(b, g.core);
  if (g.pool != nullptr) {
    if (!mark_windows(g, &spec)) return {};
    for (Axis& x : spec.axes) x.varies = false;  // windows and masks do not go together
  }
  mark_strided(b, g, &spec);
  add_tile_ways(b, g, spec, &ways);
  if (spec.macs() > 0) {  // else a sum over nothing, which is 0
    add_blocked_ways(b, g, spec, &ways);
    add_dot_ways(b, g, spec, &ways);
    add_winograd_ways(b, g, spec, &ways);
  }
  // Where sizes that came before say whether a kernel pads this itself, in slabs: the same bits.
  if (is_depthwise(g.core) && padded_below(g.core->inputs[0]) != nullptr)
    std::erase_if(ways, [](const Choice& c) { return !c.sum_order.empty(); });
  std::stable_sort(ways.begin(), ways.end(),
                   [](const Choice& x, const Choice& y) { return x.cycles < y.cycles; });
  if (b.varying.empty()) prefer_usual_layout(b, g, spec, &ways);
  if (ways.empty()) add_generic_way(b, g, spec, &ways);
  return ways;
}

}  // namespace lilith::schedule
