#include <fmt/format.h>

#include "schedule/gpu/map/map.h"

// Reductions whose innermost loop is a reduced one: the lanes of a row share its elements. Where
// there are few rows they are cut into chunks, which a second launch combines.
//
//   grid block { decl acc[row]; thread row, lane { for k { acc[row] += x[row, k * lanes + lane] } }
//     thread row, lane { if lane == 0 { store acc[row] } } }
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;

void emit_row_reduction(MapKernel& map) {
  kir::Pool& pool = map.pool();
  const GpuTarget& target = *map.b.target.gpu;
  const std::vector<LoopDim> kept = map.loops(false), reduced = map.loops(true);
  const std::int64_t rows = extent_of(kept), elements = extent_of(reduced);
  const std::int64_t chunks = chunks_for(target, rows, elements);
  const std::int64_t chunk_size = divide_up(elements, chunks);
  ChunkSums sums(map, chunks, rows);
  const RowsOfLanes at(pool, target, rows * chunks, chunk_size);
  const Expr chunk = chunks == 1 ? pool.integer(0) : kir::floor_mod(at.row, chunks);
  const Expr row = chunks == 1 ? at.row : kir::floor_div(at.row, chunks);

  const std::int64_t steps = divide_up(chunk_size, at.lanes);
  const Expr k = loop_var(pool, steps, "k");
  const Expr in_chunk = k * pool.integer(at.lanes) + at.lane;
  const Expr element = chunk * pool.integer(chunk_size) + in_chunk;
  std::vector<Expr> by;
  if (!kept.empty()) split_index(row, kept, &by);
  if (!reduced.empty()) split_index(element, reduced, &by);
  Expr inside = at.exists;
  if (steps * at.lanes != chunk_size)
    inside = kir::logical_and(inside, kir::lt(in_chunk, pool.integer(chunk_size)));
  if (chunks * chunk_size != elements)
    inside = kir::logical_and(inside, kir::lt(element, pool.integer(elements)));

  Block body, point = map.stores(by), store;
  for (std::size_t r = 0; r < map.g.reduces.size(); ++r) {
    const ir::NodeImpl* n = map.g.reduces[r];
    const DType dtype = compute_dtype(n->aval.dtype);
    const kir::Combine c = combine_of(n);
    const kir::RegId acc = at.add_register(&map.kernel, dtype);
    body.push_back(kir::DeclReg{acc, identity_of(c, dtype, pool)});
    point.push_back(kir::Accumulate{acc, at.index(), c, map.reduced_value(r, by), {}, {}});
    store.push_back(sums.store(r, chunk, row, pool.read(acc, dtype, at.index()), by));
  }
  append(&body, at.over(in_loop(k, kir::LoopKind::Serial, only_where(inside, std::move(point)))));
  append(&body, at.once_a_row(std::move(store)));
  make_grid(&map.kernel, at.block, at.rows_a_block * at.lanes, std::move(body));
  map.launch(fmt::format("row reduction, {} rows of {} in {} chunks, {} lanes a row", rows,
                         elements, chunks, at.lanes));
  sums.combine(target);
}

}  // namespace lilith::schedule::gpu
