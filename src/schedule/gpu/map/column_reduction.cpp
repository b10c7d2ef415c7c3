#include <fmt/format.h>

#include "schedule/gpu/map/map.h"

// Reductions whose innermost loop is kept: neighbouring threads have neighbouring columns, several
// threads share a column's rows. Where there are few columns they are cut into chunks of rows,
// which a second launch combines.
//
//   grid block { decl acc[y, x]; thread y, x { for k { acc[y, x] += a[k * height + y, x] } }
//     thread y, x { part[y, x] = acc[y, x] }; barrier
//     thread x { store part[0, x] + part[1, x] + … } }
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;

namespace {

constexpr std::int64_t kWidth = 32;  // columns of a block

/// Where the threads of a block are.
struct Tile {
  Tile(MapKernel& map, std::int64_t num_chunks)
      : kept(map.loops(false)),
        reduced(map.loops(true)),
        outer(kept.begin(), kept.end() - 1),
        columns(kept.back().extent),
        rows(extent_of(reduced)),
        chunks(num_chunks),
        chunk_rows(divide_up(rows, chunks)),
        height(
            std::min<std::int64_t>(map.b.target.gpu->threads / kWidth, power_of_two(chunk_rows))) {
    kir::Pool& pool = map.pool();
    const std::int64_t tiles = divide_up(columns, kWidth);
    block = pool.var(extent_of(outer) * chunks * tiles, "block");
    const Expr tile = kir::floor_mod(block, tiles), rest = kir::floor_div(block, tiles);
    chunk = chunks == 1 ? pool.integer(0) : kir::floor_mod(rest, chunks);
    around = chunks == 1 ? rest : kir::floor_div(rest, chunks);
    first = tile * pool.integer(kWidth);
    y = pool.var(height, "y");
    x = pool.var(kWidth, "x");
  }

  // What replaces the loops' variables at a column (and row) of the tile.
  std::vector<Expr> place(Expr column, Expr row) const {
    std::vector<Expr> by;
    if (!outer.empty()) split_index(around, outer, &by);
    set_var(&by, kept.back().var, column);
    if (row && !reduced.empty()) split_index(row, reduced, &by);
    return by;
  }
  Expr element(Expr column) const { return around * column.pool().integer(columns) + column; }
  Expr has(Expr column) const {
    return columns % kWidth == 0 ? Expr() : kir::lt(column, column.pool().integer(columns));
  }

  const std::vector<LoopDim> kept, reduced, outer;
  const std::int64_t columns, rows, chunks, chunk_rows, height;
  Expr block, chunk, around, first, y, x;
};

class Columns {
 public:
  Columns(MapKernel& map, std::int64_t chunks, const ColumnEnd* end)
      : map_(map), tile_(map, chunks), sums_(map, chunks, extent_of(tile_.kept)), end_(end) {}

  void emit() {
    Block body, point = accumulate(&body), keep, last;
    const Expr t = pool().var(kWidth, "t"), q = pool().var(tile_.height, "q");
    for (std::size_t r = 0; r < accs_.size(); ++r) combine(r, t, q, &keep, &last);
    if (end_ != nullptr) append(&last, store_end(tile_.first + t));
    append(&body, std::move(point));
    append(&body, threads_loop(tile_.y, tile_.x, std::move(keep)));
    body.push_back(kir::Barrier{});
    append(&body, threads_loop(t, std::move(last)));
    make_grid(&map_.kernel, tile_.block, tile_.height * kWidth, std::move(body));
    Nodes results = map_.g.results();
    if (end_ != nullptr) results = end_->nodes();
    map_.launch(
        fmt::format("column reduction, {} columns of {} rows in {} chunks, {} threads a column",
                    extent_of(tile_.kept), tile_.rows, tile_.chunks, tile_.height),
        results);
    sums_.combine(*map_.b.target.gpu);
  }

 private:
  kir::Pool& pool() { return map_.pool(); }

  // Declares the accumulators in `body`; the loop that adds a thread's rows.
  Block accumulate(Block* body) {
    const std::int64_t steps = divide_up(tile_.chunk_rows, tile_.height);
    const Expr k = loop_var(pool(), steps, "k");
    const Expr in_chunk = k * pool().integer(tile_.height) + tile_.y;
    const Expr row = tile_.chunk * pool().integer(tile_.chunk_rows) + in_chunk;
    const Expr column = tile_.first + tile_.x;
    const std::vector<Expr> by = tile_.place(column, row);
    Expr inside = tile_.has(column);
    if (steps * tile_.height != tile_.chunk_rows)
      inside = kir::logical_and(inside, kir::lt(in_chunk, pool().integer(tile_.chunk_rows)));
    if (tile_.chunks * tile_.chunk_rows != tile_.rows)
      inside = kir::logical_and(inside, kir::lt(row, pool().integer(tile_.rows)));
    Block point = map_.stores(by);
    for (std::size_t r = 0; r < map_.g.reduces.size(); ++r) {
      const ir::NodeImpl* n = map_.g.reduces[r];
      const DType dtype = compute_dtype(n->aval.dtype);
      const kir::Combine c = combine_of(n);
      const kir::RegId acc = map_.kernel.add_thread_reg("acc", dtype, {tile_.height, kWidth}, 2);
      accs_.push_back({acc, c, dtype, identity_of(c, dtype, pool())});
      body->push_back(kir::DeclReg{acc, accs_.back().init});
      point.push_back(
          kir::Accumulate{acc, {tile_.y, tile_.x}, c, map_.reduced_value(r, by), {}, {}});
    }
    Block all = in_loop(k, kir::LoopKind::Serial, only_where(inside, std::move(point)));
    return threads_loop(tile_.y, tile_.x, std::move(all));
  }

  // What puts reduction r of each thread where one thread a column, `t`, adds it up over `q`.
  void combine(std::size_t r, Expr t, Expr q, Block* keep, Block* last) {
    const Accumulator& acc = accs_[r];
    const kir::BufferId part =
        map_.kernel.add_buffer("part", acc.dtype, tile_.height * kWidth, kir::Space::Shared);
    keep->push_back(kir::Store{part,
                               tile_.y * pool().integer(kWidth) + tile_.x,
                               pool().read(acc.reg, acc.dtype, {tile_.y, tile_.x}),
                               {}});
    const kir::RegId sum = end_ != nullptr ? end_->sums[r] : map_.kernel.add_reg("sum", acc.dtype);
    last->push_back(kir::DeclReg{sum, acc.init});
    Block add;
    add.push_back(kir::Accumulate{sum,
                                  {},
                                  acc.combine,
                                  pool().load(part, acc.dtype, q * pool().integer(kWidth) + t),
                                  {},
                                  {}});
    append(last, in_loop(q, kir::LoopKind::Serial, std::move(add)));
    if (end_ != nullptr) return;
    const Expr column = tile_.first + t;
    Block store;
    store.push_back(sums_.store(r, tile_.chunk, tile_.element(column), pool().read(sum, acc.dtype),
                                tile_.place(column, {})));
    append(last, only_where(tile_.has(column), std::move(store)));
  }

  Block store_end(Expr column) {
    const std::vector<Expr> by = tile_.place(column, {});
    Block stores;
    for (const auto& [n, value] : end_->stores)
      stores.push_back(map_.lower.store(map_.b.buffer(n), map_.domain.kept_index(n), value));
    substitute(&stores, by);
    return only_where(tile_.has(column), std::move(stores));
  }

  MapKernel& map_;
  const Tile tile_;
  ChunkSums sums_;
  const ColumnEnd* const end_;
  std::vector<Accumulator> accs_;
};

}  // namespace

std::int64_t column_chunks(MapKernel& map) {
  const std::vector<LoopDim> kept = map.loops(false);
  const std::int64_t columns = kept.back().extent;
  const std::int64_t tiles = extent_of(kept) / columns * divide_up(columns, kWidth);
  return chunks_for(*map.b.target.gpu, tiles, extent_of(map.loops(true)));
}

void emit_column_reduction(MapKernel& map) { Columns(map, column_chunks(map), nullptr).emit(); }
void emit_column_chain(MapKernel& map, const ColumnEnd& end) { Columns(map, 1, &end).emit(); }

}  // namespace lilith::schedule::gpu
