#include <fmt/format.h>

#include <algorithm>

#include "schedule/gpu/map/map.h"

namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;

namespace {

constexpr std::int64_t kLeastChunk = 1024;  // elements of a block's share
constexpr std::int64_t kMostChunks = 256;

// The place of a kept element, counted in the order of the map's loops, in a result's memory.
Expr place_of_element(const MapKernel& map, const ir::NodeImpl* n, int buffer, Expr element) {
  const BufferPlan& b = map.b.plan.buffers[static_cast<std::size_t>(buffer)];
  const auto rank = static_cast<std::size_t>(map.domain.shape.rank());
  const bool ones = n->aval.shape.rank() == map.domain.shape.rank();
  kir::Pool& pool = element.pool();
  std::vector<Expr> at(rank, pool.integer(0));
  std::int64_t inner = 1;
  for (auto d = map.order.rbegin(); d != map.order.rend(); ++d) {
    if (map.domain.reduced[static_cast<std::size_t>(*d)]) continue;
    const std::int64_t extent = map.domain.shape[*d];
    at[static_cast<std::size_t>(*d)] = kir::floor_mod(kir::floor_div(element, inner), extent);
    inner *= extent;
  }
  Index kept;
  for (std::size_t d = 0; d < rank; ++d)
    if (ones || !map.domain.reduced[d]) kept.push_back(at[d]);
  return place_of(pool, kept, b.layout, b.shape);
}

}  // namespace

std::int64_t chunks_for(const GpuTarget& target, std::int64_t blocks, std::int64_t elements) {
  const std::int64_t wanted = divide_up(4 * target.units, std::max<std::int64_t>(blocks, 1));
  return std::clamp<std::int64_t>(std::min(wanted, elements / kLeastChunk), 1, kMostChunks);
}

ChunkSums::ChunkSums(MapKernel& map, std::int64_t chunks, std::int64_t kept)
    : map_(map), chunks_(chunks), kept_(kept) {
  for (std::size_t k = 0; chunks > 1 && k < map.g.reduces.size(); ++k) {
    const DType dtype = compute_dtype(map.g.reduces[k]->aval.dtype);
    buffers_.push_back(map.b.add_scratch("partial", dtype, chunks * kept));
  }
}

kir::Stmt ChunkSums::store(std::size_t k, Expr chunk, Expr element, Expr value,
                           const std::vector<Expr>& by) {
  if (are_results()) return map_.store_result(k, value, by);
  const Expr place = chunk * map_.pool().integer(kept_) + element;
  return kir::Store{map_.lower.written_param(buffers_[k]), place, value, {}};
}

void ChunkSums::combine(const GpuTarget& target) {
  if (are_results()) return;
  for (std::size_t k = 0; k < buffers_.size(); ++k) {
    const ir::NodeImpl* n = map_.g.reduces[k];
    const DType dtype = compute_dtype(n->aval.dtype);
    const kir::Combine c = combine_of(n);
    kir::Kernel kernel;
    kernel.name = "combine";
    kir::Pool& pool = *kernel.pool;
    Lowerer lower = map_.b.lowerer(kernel);
    const RowsOfLanes at(pool, target, kept_, chunks_);
    const Expr i = loop_var(pool, divide_up(chunks_, at.lanes), "i");
    const Expr chunk = i * pool.integer(at.lanes) + at.lane;
    Expr inside = at.exists;
    if (chunks_ % at.lanes != 0)
      inside = kir::logical_and(inside, kir::lt(chunk, pool.integer(chunks_)));
    const kir::RegId acc = at.add_register(&kernel, dtype);
    Block add, body, store;
    const Expr partial = lower.load(buffers_[k], chunk * pool.integer(kept_) + at.row, dtype);
    add.push_back(kir::Accumulate{acc, at.index(), c, partial, {}, {}});
    body.push_back(kir::DeclReg{acc, identity_of(c, dtype, pool)});
    append(&body, at.over(in_loop(i, kir::LoopKind::Serial, only_where(inside, std::move(add)))));
    const int result = map_.b.buffer(n);
    store.push_back(kir::Store{lower.written_param(result),
                               place_of_element(map_, n, result, at.row),
                               pool.read(acc, dtype, at.index()),
                               {}});
    append(&body, at.once_a_row(std::move(store)));
    make_grid(&kernel, at.block, at.rows_a_block * at.lanes, std::move(body));
    map_.b.launch(std::move(kernel), lower, {map_.g.reduces[k]},
                  fmt::format("combines {} chunks", chunks_), static_cast<double>(chunks_ * kept_));
  }
}

}  // namespace lilith::schedule::gpu
