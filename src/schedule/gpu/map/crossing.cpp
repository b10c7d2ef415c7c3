#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernel_ir/apart.h"
#include "kernel_ir/walk.h"
#include "schedule/gpu/map/map.h"
#include "schedule/kernel/loop_order.h"

// A transposition: stores walk one loop in line, some loads another. These pass through shared
// memory, a tile of both loops, read along one and used along the other; a line of it is one
// element longer, so that neither walk meets one bank:
//
//   grid other loops, tiles {
//     thread y, x { unroll k { tile[k y, x] = load[…, inner k y, across x] } }; barrier
//     thread y, x { unroll k { store[…, across k y, inner x] = f(tile[x, k y]) } } }
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kTile = 32, kLine = kTile + 1;
constexpr double kSector = 32;       // bytes that memory hands out at least
constexpr double kBytesACycle = 32;  // of a unit, from memory
constexpr double kSharedBytesACycle = 128;
constexpr std::int64_t kLeastAcross = 8;

/// Memory that threads move which walk `loop` in line.
double bytes_moved(const Access& a, double elements, std::size_t size, Expr loop) {
  const double step = std::abs(step_of(a.address, loop));
  return elements * std::min(kSector, static_cast<double>(size) * std::max(1.0, step));
}

std::size_t element_size(const MapKernel& map, kir::BufferId b) {
  return size_of(map.kernel.buffers[static_cast<std::size_t>(b)].dtype);
}

std::vector<Access> stores_of(MapKernel& map) {
  std::vector<Access> all;
  for (const ir::NodeImpl* n : map.g.stores)
    all.push_back({place_of(map.pool(), map.domain.index, map.layout_of(n), map.g.domain)});
  return all;
}

/// The loads of a map as expressions, each once.
std::vector<Expr> load_expressions(const MapKernel& map) {
  std::vector<Expr> all;
  for (Expr v : map.values) {
    kir::for_each_below(v, [&](Expr x) {
      if (x->op == kir::Op::Load && std::ranges::find(all, x) == all.end()) all.push_back(x);
    });
  }
  return all;
}

double cycles_of(MapKernel& map, double bytes) {
  return bytes / kBytesACycle / static_cast<double>(map.b.target.gpu->units);
}

}  // namespace

double pointwise_cycles(MapKernel& map) {
  if (map.dims.empty()) return 1;
  const Expr inner = map.dims.back().var;
  const auto elements = static_cast<double>(map.g.domain.numel());
  double bytes = 0;
  for (const Access& a : loads_of(map.values, map.kernel))
    bytes += bytes_moved(a, elements, element_size(map, a.buffer), inner);
  const std::vector<Access> stores = stores_of(map);
  for (std::size_t k = 0; k < stores.size(); ++k)
    bytes += bytes_moved(stores[k], elements, size_of(map.g.stores[k]->aval.dtype), inner);
  return cycles_of(map, bytes);
}

namespace {

/// The loop along which all stores walk in line; none where they differ.
std::optional<std::size_t> stores_inner(MapKernel& map) {
  const std::vector<Access> stores = stores_of(map);
  for (std::size_t d = 0; d < map.dims.size(); ++d) {
    if (map.dims[d].extent < kLeastAcross) continue;
    if (std::ranges::all_of(
            stores, [&](const Access& a) { return step_of(a.address, map.dims[d].var) == 1; }))
      return d;
  }
  return {};
}

bool crosses(Expr load, const LoopDim& inner, const LoopDim& across) {
  return !kir::depends_on_data(load->args[0]) && step_of(load->args[0], across.var) == 1 &&
         std::abs(step_of(load->args[0], inner.var)) >= kLeastAcross;
}

}  // namespace

std::optional<Crossing> find_crossing(MapKernel& map) {
  const std::optional<std::size_t> inner = stores_inner(map);
  if (!inner) return {};
  const std::vector<Expr> loads = load_expressions(map);
  std::optional<Crossing> best;
  for (std::size_t d = 0; d < map.dims.size(); ++d) {
    if (d == *inner || map.dims[d].extent < kLeastAcross) continue;
    Crossing c{*inner, d, {}, 0};
    std::int64_t shared = 0;
    for (Expr x : loads) {
      if (!crosses(x, map.dims[*inner], map.dims[d])) continue;
      shared += kTile * kLine *
                static_cast<std::int64_t>(element_size(map, static_cast<kir::BufferId>(x->i)));
      if (shared <= map.b.target.gpu->shared_bytes) c.loads.push_back(x);
    }
    if (!c.loads.empty() && (!best || c.loads.size() > best->loads.size())) best = std::move(c);
  }
  if (!best) return {};
  // Tiles that stand out of the loops take as long as whole ones.
  double elements = 1, bytes = 0;
  for (std::size_t d = 0; d < map.dims.size(); ++d) {
    const std::int64_t n = map.dims[d].extent;
    const bool tiled = d == best->inner || d == best->across;
    elements *= static_cast<double>(tiled ? divide_up(n, kTile) * kTile : n);
  }
  double shared = 0;
  for (Expr x : loads) {
    const bool staged = std::ranges::find(best->loads, x) != best->loads.end();
    const std::size_t size = element_size(map, static_cast<kir::BufferId>(x->i));
    const LoopDim& walked = map.dims[staged ? best->across : best->inner];
    bytes += bytes_moved({x->args[0]}, elements, size, walked.var);
    if (staged) shared += 2 * elements * static_cast<double>(size);
  }
  for (const ir::NodeImpl* n : map.g.stores)
    bytes += elements * static_cast<double>(size_of(n->aval.dtype));
  best->cycles = cycles_of(map, bytes + shared * kBytesACycle / kSharedBytesACycle);
  return best;
}

void emit_crossing(MapKernel& map, const Crossing& c) {
  kir::Pool& pool = map.pool();
  const LoopDim inner = map.dims[c.inner], across = map.dims[c.across];
  std::vector<LoopDim> outer;
  for (std::size_t d = 0; d < map.dims.size(); ++d)
    if (d != c.inner && d != c.across) outer.push_back(map.dims[d]);
  const auto tiles = [&](const LoopDim& d, const char* name) {
    const std::int64_t n = divide_up(d.extent, kTile);
    outer.push_back({loop_var(pool, n, name), n});
    return outer.back().var * pool.integer(kTile);
  };
  const Expr first_across = tiles(across, "a"), first_inner = tiles(inner, "i");
  const std::int64_t rows = std::min(map.b.target.gpu->threads / kTile, kTile);
  const Expr y = pool.var(rows, "y"), x = pool.var(kTile, "x"),
             k = loop_var(pool, kTile / rows, "k"), step = k * pool.integer(rows) + y;
  const Expr block = pool.var(extent_of(outer), "block");
  std::vector<Expr> of_block;
  split_index(block, outer, &of_block);
  // The loops' variables, where the threads' second number walks `along`.
  const auto place = [&](bool along_inner) {
    std::vector<Expr> by = of_block;
    set_var(&by, inner.var, kir::substitute(first_inner, of_block) + (along_inner ? x : step));
    set_var(&by, across.var, kir::substitute(first_across, of_block) + (along_inner ? step : x));
    return by;
  };
  const auto over = [&](const std::vector<Expr>& by, Block body) {
    Expr inside;
    for (const LoopDim& d : {inner, across}) {
      if (d.extent % kTile != 0)
        inside =
            kir::logical_and(inside, kir::lt(kir::substitute(d.var, by), pool.integer(d.extent)));
    }
    body = in_loop(k, LoopKind::Unroll, only_where(inside, std::move(body)));
    return threads_loop(y, x, std::move(body));
  };
  const std::vector<Expr> reads = place(false), stores = place(true);
  std::unordered_map<const kir::ExprNode*, Expr> from_tile;
  Block fetch;
  for (Expr load : c.loads) {
    const DType dtype = map.kernel.buffers[static_cast<std::size_t>(load->i)].dtype;
    const kir::BufferId tile =
        map.kernel.add_buffer("tile", dtype, kTile * kLine, kir::Space::Shared);
    fetch.push_back(
        kir::Store{tile, step * pool.integer(kLine) + x, kir::substitute(load, reads), {}});
    from_tile.emplace(load.node(), pool.load(tile, dtype, x * pool.integer(kLine) + step));
  }
  for (Expr& v : map.values) v = kir::replace(v, from_tile);
  Block body = over(reads, std::move(fetch));
  body.push_back(kir::Barrier{});
  append(&body, over(stores, map.stores(stores)));
  make_grid(&map.kernel, block, rows * kTile, std::move(body));
  map.launch(fmt::format("transposed through tiles of {}, {} blocks of {}, {} of {} loads", kTile,
                         extent_of(outer), rows * kTile, c.loads.size(),
                         load_expressions(map).size()));
}

}  // namespace lilith::schedule::gpu
