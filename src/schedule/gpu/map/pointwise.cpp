#include <fmt/format.h>

#include <algorithm>

#include "schedule/gpu/map/map.h"
#include "schedule/kernel/loop_order.h"

// Stores alone: a thread has four neighbours of the innermost dimension, or two, where that divides
// by so many and their values fit into registers: all that a thread reads and stores is there at
// the same time.
//
//   grid block { thread t { vector v { store… } } }
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;

namespace {

constexpr std::size_t kMostValues = 64;  // of a thread: that it reads and stores

std::int64_t neighbours(const MapKernel& map) {
  const std::size_t values = loads_of(map.values, map.kernel).size() + map.g.stores.size();
  for (const std::int64_t n : {4, 2}) {
    const bool divides = !map.dims.empty() && map.dims.back().extent % n == 0;
    if (divides && static_cast<std::size_t>(n) * values <= kMostValues) return n;
  }
  return 1;
}

// The innermost loop becomes two, the second of which is a vector.
Expr split_innermost(MapKernel& map, std::int64_t n, std::vector<LoopDim>* dims) {
  LoopDim& inner = dims->back();
  kir::Pool& pool = map.pool();
  const Expr v = pool.var(n, "v");
  const LoopDim part{pool.var(inner.extent / n, "q"), inner.extent / n, false};
  std::vector<Expr> by;
  set_var(&by, inner.var, part.var * pool.integer(n) + v);
  map.replace_vars(by);
  inner = part;
  return v;
}

}  // namespace

void emit_pointwise(MapKernel& map) {
  kir::Pool& pool = map.pool();
  std::vector<LoopDim> dims = map.dims;
  const std::int64_t total = extent_of(dims);
  if (total == 0) return map.launch("empty");  // an empty output has memory and nothing to write
  const std::int64_t width = neighbours(map);
  Expr v;
  if (width > 1) v = split_innermost(map, width, &dims);
  const std::int64_t points = extent_of(dims);
  const std::int64_t threads =
      std::min<std::int64_t>(map.b.target.gpu->threads, power_of_two(points));
  const std::int64_t blocks = divide_up(points, threads);
  const Expr block = pool.var(blocks, "block"), t = pool.var(threads, "t");
  const Expr point = block * pool.integer(threads) + t;
  std::vector<Expr> by;
  if (!dims.empty()) split_index(point, dims, &by);
  Block body = map.stores(by);
  if (v) body = in_loop(v, kir::LoopKind::Vector, std::move(body));
  if (points % threads != 0)
    body = only_where(kir::lt(point, pool.integer(points)), std::move(body));
  make_grid(&map.kernel, block, threads, threads_loop(t, std::move(body)));
  map.launch(fmt::format("pointwise, {} blocks of {}{}", blocks, threads,
                         v ? fmt::format(", {} a thread", width) : ""));
}

}  // namespace lilith::schedule::gpu
