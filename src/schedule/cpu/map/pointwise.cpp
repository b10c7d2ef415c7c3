#include "schedule/cpu/map/pointwise.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/tasks.h"

// Stores alone. Where the outer loops give too few tasks, the innermost one is cut into blocks:
//
//   parallel outer, block { vector in block { store… } }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

struct Blocks {
  std::int64_t count, size;
};

Blocks cut_in_blocks(std::int64_t extent, std::int64_t tasks, int threads) {
  std::int64_t count = 1;
  if (tasks < 4 * threads)
    count = std::min<std::int64_t>(extent / 512 + 1, divide_up(4 * threads, tasks));
  if (count == 1) return {1, extent};
  const std::int64_t size = divide_up(divide_up(extent, count), 64) * 64;
  return {divide_up(extent, size), size};
}

void emit_blocks(MapKernel& map, const Blocks& blocks) {
  const LoopDim& inner = map.dims.back();
  const std::vector<LoopDim> outer(map.dims.begin(), map.dims.end() - 1);
  const std::int64_t tasks = extent_of(outer) * blocks.count;
  kir::Pool& pool = map.pool();
  std::vector<Expr> by;
  if (tasks == 1) {
    map.kernel.body.push_back(kir::make_for(inner.var, LoopKind::Vector, map.stores(by)));
    return;
  }
  const bool whole = blocks.count == 1;
  const Expr task = pool.var(tasks, "task");
  const Expr b = whole ? pool.integer(0) : kir::floor_mod(task, blocks.count);
  if (!outer.empty()) split_index(whole ? task : kir::floor_div(task, blocks.count), outer, &by);
  Block body = full_or_last(b, inner.extent, blocks.size, [&](std::int64_t size) {
    const Expr v = whole ? inner.var : pool.var(size, "v");
    if (!whole) set_var(&by, inner.var, b * pool.integer(blocks.size) + v);
    return in_loop(v, LoopKind::Vector, map.stores(by));
  });
  map.kernel.body.push_back(parallel_for(task, std::move(body)));
}

}  // namespace

std::string emit_pointwise(MapKernel& map) {
  if (map.dims.empty()) {
    map.kernel.body = map.stores({});
    return "scalar";
  }
  const std::int64_t total = extent_of(map.dims), inner = map.dims.back().extent;
  if (total == 0) return "empty";  // an empty output has memory and nothing to write
  if (const auto s = find_stretches(map)) return emit_stretches(map, *s);
  if (const auto c = find_crossing(map)) return emit_tiled(map, *c);
  const int threads = total < kMinTask ? 1 : map.b.target.threads;
  const Blocks blocks = cut_in_blocks(inner, total / inner, threads);
  emit_blocks(map, blocks);
  return fmt::format("pointwise {} loops, inner {}{}", map.dims.size(), inner,
                     blocks.count > 1 ? fmt::format(" in {} blocks", blocks.count) : "");
}

}  // namespace lilith::schedule
