#include "schedule/cpu/contraction/slab.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ranges>
#include <utility>

#include "schedule/cpu/contraction/operand_walk.h"
#include "schedule/cpu/contraction/tile_cycles.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

// Of a team's time: tiles alone are cut into finer tasks than slabs.
constexpr double kMostIdle = 1.34;

// What the axes of a product do with the dimensions of a padded operand.
class SlabSearch {
 public:
  SlabSearch(const Builder& b, const ContractionSpec& spec, ir::NodeImpl* padded,
             const TileSchedule& schedule)
      : b_(b), spec_(spec), s_(schedule), shape_(padded->aval.shape) {
    slab_.padded = padded;
    slab_.stride = make_operand(b, padded).stride;
    slab_.order = Layout::row_major(shape_.rank()).order;
    std::ranges::stable_sort(slab_.order, std::greater(), [&](int d) { return stride(d); });
  }

  std::optional<Slab> run() {
    if (!s_.split_axes.empty() || (s_.swap && s_.pack_b) || !moves_inside()) return {};
    while (slab_.cut < slab_.order.size() && take_outer(slab_.order[slab_.cut])) ++slab_.cut;
    if (slab_.cut == slab_.order.size() || varies_inside() || !find_axis()) return {};
    find_tiles();
    return std::isfinite(slab_.cycles) ? std::optional(std::move(slab_)) : std::nullopt;
  }

 private:
  std::int64_t stride(int d) const { return slab_.stride[static_cast<std::size_t>(d)]; }
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }

  std::vector<int> moving(int dim) const {
    std::vector<int> some;
    for (int i = 0; i < static_cast<int>(spec_.axes.size()); ++i)
      if (axis(i).a != 0 && axis(i).a_dim == dim) some.push_back(i);
    return some;
  }

  // Each axis walks along its own dimension, none along several that were merged.
  bool moves_inside() const {
    return std::ranges::all_of(spec_.axes, [&](const Axis& x) {
      if (x.a == 0) return true;
      if (x.a < 0 || x.a_dim < 0 || x.a % stride(x.a_dim) != 0) return false;
      return (x.extent - 1) * x.a < shape_[x.a_dim] * stride(x.a_dim);
    });
  }

  // Whether a slab has one step of this dimension.
  bool take_outer(int dim) {
    const std::vector<int> axes = moving(dim);
    if (axes.empty()) return shape_[dim] == 1;
    const int i = axes[0];
    if (axes.size() > 1 || axis(i).summed() || i == s_.vector_axis || s_.tile_of(i) > 1)
      return false;
    slab_.outer.push_back(i);
    return true;
  }

  bool varies_inside() const {
    const auto inside = slab_.order | std::views::drop(slab_.cut);
    return std::ranges::any_of(inside, [&](int d) {
      return b_.varies(slab_.padded, d) || b_.has_varied(shape_[d]) ||
             std::ranges::any_of(
                 moving(d), [&](int i) { return axis(i).varies || b_.has_varied(axis(i).extent); });
    });
  }

  bool find_axis() {
    for (const int i : moving(slab_.order[slab_.cut]))
      if (!axis(i).summed() && i != s_.vector_axis) slab_.axis = i;
    return slab_.axis >= 0;
  }

  std::int64_t rows_of(std::int64_t tiles) const {
    const int dim = slab_.order[slab_.cut];
    std::int64_t last = 0;
    for (const int i : moving(dim)) {
      const std::int64_t steps =
          i == slab_.axis ? std::min(tiles * s_.tile_of(i), axis(i).extent) : axis(i).extent;
      last += (steps - 1) * axis(i).a / stride(dim);
    }
    return last + 1;
  }

  void find_tiles() {
    const std::int64_t row = stride(slab_.order[slab_.cut]),
                       all = divide_up(axis(slab_.axis).extent, s_.tile_of(slab_.axis)),
                       size = static_cast<std::int64_t>(size_of(spec_.a_dtype));
    double outer = 1;  // how many of these there are may differ from run to run
    std::int64_t sure = 1;
    for (const int i : slab_.outer) {
      outer *= static_cast<double>(axis(i).extent);
      if (!axis(i).varies && !b_.has_varied(axis(i).extent)) sure *= axis(i).extent;
    }
    const double tile = s_.cycles / static_cast<double>(all) / outer;
    double best = INFINITY;
    slab_.cycles = INFINITY;
    for (std::int64_t n = 1; n <= all; ++n) {
      const std::int64_t rows = rows_of(n), slabs = divide_up(all, n);
      if (rows * row * size > b_.target.l2_bytes / 2) break;
      const double idle = idle_factor(b_.target, static_cast<double>(sure * slabs)),
                   copies = static_cast<double>(slabs * rows * row) * kCopied,
                   cycles = (copies + static_cast<double>(slabs * n) * tile) * idle;
      if (cycles >= best || idle > kMostIdle) continue;
      best = cycles;
      slab_.tiles = n;
      slab_.rows = rows;
      slab_.cycles = copies * outer;
    }
  }

  const Builder& b_;
  const ContractionSpec& spec_;
  const TileSchedule& s_;
  const Shape& shape_;
  Slab slab_;
};

}  // namespace

std::string Slab::name(std::string of_tiles) const {
  return fmt::format("{}, slabs of {} padded rows", std::move(of_tiles), rows);
}

std::optional<Slab> find_slab(const Builder& b, const ContractionSpec& spec, ir::NodeImpl* padded,
                              const TileSchedule& schedule) {
  return SlabSearch(b, spec, padded, schedule).run();
}

void SlabTiles::emit_loops() {
  std::vector<TileLoop> outer, all = tile_loops();
  const std::int64_t row = slab_.stride[static_cast<std::size_t>(slab_.order[slab_.cut])];
  copy_ = kernel_.add_buffer("slab", dtype_, slab_.rows * row, kir::Space::Thread);
  Expr which = number(0), inside;
  std::vector<LoopDim> shared, nested;
  const auto share = [&](Expr var, std::int64_t extent, std::int64_t typical) {
    shared.push_back({var, extent, false, typical});
    if (extent > 1) set_var(&at_first_, var, number(0));
  };
  for (TileLoop& l : all) {
    if (std::ranges::find(slab_.outer, l.axis) != slab_.outer.end()) {
      outer.push_back(l);
      share(l.var, l.steps, l.typical);
    } else if (l.axis == slab_.axis) {
      const std::int64_t slabs = divide_up(l.steps, slab_.tiles);
      const Expr step = loop_var(pool(), slab_.tiles, "step");
      which = loop_var(pool(), slabs, "slab");
      nested.push_back({step, slab_.tiles});
      l.var = which * number(slab_.tiles) + step;
      if (slabs * slab_.tiles != l.steps) inside = kir::lt(l.var, number(l.steps));
    } else {
      nested.push_back({l.var, l.steps});
    }
  }
  const std::int64_t steps = divide_up(axis(slab_.axis).extent, schedule_.tile_of(slab_.axis));
  share(which, divide_up(steps, slab_.tiles), 0);
  const Expr first_row =
      which * number(slab_.tiles * schedule_.tile_of(slab_.axis) *
                     (schedule_.swap ? axis(slab_.axis).b : axis(slab_.axis).a) / row);
  Block body = copy_slab(outer, first_row);
  append(&body, nest(nested, only_where(inside, tile_cases(all, 0, {}, [&](const auto& sizes) {
                                          return whole_tile(make_tile(all, sizes, zeros()));
                                        }))));
  kernel_.body.push_back(share_loops(pool(), shared, std::move(body), tasks()));
}

Block SlabTiles::copy_slab(const std::vector<TileLoop>& outer, Expr first_row) {
  const Shape& shape = slab_.padded->aval.shape;
  Index index(shape.size(), number(0));
  for (const TileLoop& l : outer) {
    const auto d = static_cast<std::size_t>(axis(l.axis).a_dim);
    index[d] = l.var * number((schedule_.swap ? axis(l.axis).b : axis(l.axis).a) / slab_.stride[d]);
  }
  std::vector<LoopDim> loops;
  Expr place = number(0), inside;
  for (std::size_t k = slab_.cut; k < slab_.order.size(); ++k) {
    const auto d = static_cast<std::size_t>(slab_.order[k]);
    const std::int64_t extent = k == slab_.cut ? slab_.rows : shape[slab_.order[k]];
    const Expr var = loop_var(pool(), extent, "i" + std::to_string(d));
    loops.push_back({var, extent});
    place = place + var * number(slab_.stride[d]);
    index[d] = var;
    if (k != slab_.cut) continue;
    index[d] = first_row + var;
    inside = kir::lt(index[d], number(shape[slab_.order[k]]));
  }
  const Expr value = lower_.value(slab_.padded, index);
  const LoopDim rows = loops.front();
  loops.erase(loops.begin());
  Block row = nest(loops, {kir::Store{copy_, place, value, {}}}, LoopKind::Vector);
  return in_loop(rows.var, LoopKind::Serial, only_where(inside, std::move(row)));
}

// A slab begins where its first row does.
Expr SlabTiles::in_slab(Expr place) {
  return pool().load(copy_, dtype_, kir::substitute(place, at_first_));
}

Expr SlabTiles::tile_a(const ResultTile& tile) {
  return schedule_.swap ? Tiles::tile_a(tile) : in_slab(spec_.place_a(pool(), tile.at));
}

Expr SlabTiles::tile_b(const ResultTile& tile) {
  return schedule_.swap ? in_slab(spec_.place_b(pool(), tile.at)) : Tiles::tile_b(tile);
}

}  // namespace lilith::schedule
