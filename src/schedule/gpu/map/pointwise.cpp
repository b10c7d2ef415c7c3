#include <fmt/format.h>

#include <algorithm>

#include "schedule/gpu/map/map.h"

// Stores alone: a thread has four neighbours of the innermost dimension where that divides by four.
//
//   grid block { thread t { vector v { store… } } }
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;

namespace {

constexpr std::int64_t kVector = 4;

// The innermost loop becomes two, the second of which is a vector.
Expr split_innermost(MapKernel& map, std::vector<LoopDim>* dims) {
  LoopDim& inner = dims->back();
  kir::Pool& pool = map.pool();
  const Expr v = pool.var(kVector, "v");
  const LoopDim quarter{pool.var(inner.extent / kVector, "q"), inner.extent / kVector, false};
  std::vector<Expr> by;
  set_var(&by, inner.var, quarter.var * pool.integer(kVector) + v);
  map.replace_vars(by);
  inner = quarter;
  return v;
}

}  // namespace

void emit_pointwise(MapKernel& map) {
  kir::Pool& pool = map.pool();
  std::vector<LoopDim> dims = map.dims;
  const std::int64_t total = extent_of(dims);
  if (total == 0) return map.launch("empty");  // an empty output has memory and nothing to write
  Expr v;
  if (!dims.empty() && dims.back().extent % kVector == 0) v = split_innermost(map, &dims);
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
                         v ? fmt::format(", {} a thread", kVector) : ""));
}

}  // namespace lilith::schedule::gpu
