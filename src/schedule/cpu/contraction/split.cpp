#include <algorithm>
#include <string>

#include "schedule/cpu/contraction/tiles.h"

// A long sum over a small result (weight gradients) turns the outer part of the sum outwards: each
// thread adds its chunk into a copy of the result that stays in its cache; after a barrier the
// copies are added and the epilogue runs on the sum.
//
//   parallel chunk {
//     partial[chunk] = 0
//     for outer summed… { tiles { acc = partial[chunk]; acc += inner sum; partial[chunk] = acc } }
//   }
//   barrier
//   parallel result { epilogue of the sum of partial[…] }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

Expr SplitTiles::partial_place(const std::vector<Expr>& at, Expr chunk) {
  return partials_.place(chunk, place_of(pool(), out_index(at), layout_, g_.domain));
}

// Where the whole sum runs outside of the tiles, a step of it would load and store a tile for one
// product. The inner part of its last axis becomes an axis of its own, inside.
void SplitTiles::keep_steps_inside() {
  if (schedule_.split_axes.size() < summed_axes().size()) return;
  const auto last = static_cast<std::size_t>(schedule_.split_axes.back());
  const std::int64_t extent = spec_.axes[last].extent;
  const std::int64_t chunks = schedule_.split_axes.size() == 1 ? schedule_.chunks : 1;
  const std::int64_t row_bytes = schedule_.vector_tile * static_cast<std::int64_t>(size_of(dtype_));
  std::int64_t best = 1;
  for (std::int64_t n = 2; n <= extent && n * row_bytes <= 4 * b_.target.l1_bytes; ++n) {
    const std::int64_t longest = divide_up(extent / n, chunks) * n;
    if (extent % n == 0 && longest * chunks * 20 <= extent * 21) best = n;
  }
  Axis inner = spec_.axes[last];
  inner.extent = best;
  inner.name += "i";
  Axis& outer = spec_.axes[last];
  outer.extent /= best;
  outer.a *= best;
  outer.b *= best;
  if (best > 1) spec_.axes.push_back(std::move(inner));
}

void SplitTiles::emit_loops() {
  keep_steps_inside();
  partials_ = add_partials(b_, &lower_, dtype_, g_.domain.numel(), schedule_.chunks);
  const bool shared = schedule_.chunks > 1;
  const Expr chunk = shared ? pool().var(schedule_.chunks, "chunk") : number(0);
  Block task = clear_partial(chunk);
  std::vector<Expr> at = zeros();
  std::vector<Expr> split;
  Expr inside;  // the last chunk may be shorter
  for (std::size_t k = 0; k < schedule_.split_axes.size(); ++k) {
    const Axis& x = axis(schedule_.split_axes[k]);
    const bool cut = k == 0 && shared;
    const std::int64_t extent = cut ? divide_up(x.extent, schedule_.chunks) : x.extent;
    split.push_back(pool().var(extent, x.name));
    Expr& place = at[static_cast<std::size_t>(schedule_.split_axes[k])];
    place = cut ? chunk * number(extent) + split.back() : split.back();
    if (cut && extent * schedule_.chunks != x.extent) inside = kir::lt(place, number(x.extent));
  }
  Block body = add_tiles(chunk, at);
  body = only_where(inside, std::move(body));
  for (auto it = split.rbegin(); it != split.rend(); ++it)
    body = in_loop(*it, LoopKind::Serial, std::move(body));
  append(&task, std::move(body));
  kernel_.body.push_back(parallel_for(shared ? chunk : pool().var(1, "chunk"), std::move(task)));
  combine_partials();
}

Block SplitTiles::clear_partial(Expr chunk) {
  const Expr i = pool().var(partials_.elements, "i"), zero = pool().constant(dtype_, 0);
  return in_loop(i, LoopKind::Vector,
                 {kir::Store{partials_.buffer, partials_.place(chunk, i), zero, {}}});
}

// One step of the outer sum: every tile of the chunk's copy gets the inner sum added.
Block SplitTiles::add_tiles(Expr chunk, const std::vector<Expr>& at) {
  std::vector<int> inner = summed_axes();
  std::erase_if(inner, [&](int i) {
    return std::find(schedule_.split_axes.begin(), schedule_.split_axes.end(), i) !=
           schedule_.split_axes.end();
  });
  const std::vector<TileLoop> loops = tile_loops();
  Block body = tile_cases(loops, 0, {}, [&](const std::vector<std::int64_t>& sizes) {
    const ResultTile tile = make_tile(loops, sizes, at);
    const kir::RegId acc = add_accumulator(tile);
    const Expr place = partial_place(tile.at, chunk);
    Block load, store, one;
    load.push_back(
        kir::SetReg{acc, {tile.row, tile.column}, pool().load(partials_.buffer, dtype_, place)});
    store.push_back(kir::Store{partials_.buffer, place, read(acc, tile), {}});
    one.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
    append(&one, over_tile(tile, std::move(load)));
    append(&one, inner_sum(acc, tile, inner));
    append(&one, over_tile(tile, std::move(store)));
    return one;
  });
  for (auto it = loops.rbegin(); it != loops.rend(); ++it)
    body = in_loop(it->var, LoopKind::Serial, std::move(body));
  return body;
}

// The sum of the copies, and the epilogue, over the result in its memory order.
void SplitTiles::combine_partials() {
  if (schedule_.in_rows)
    return store_in_rows([&](Expr place) { return partials_.combined(kir::Combine::Add, place); });
  kernel_.body.push_back(kir::Barrier{});
  Index index(static_cast<std::size_t>(g_.domain.rank()));
  std::vector<LoopDim> dims;
  for (const int d : layout_.order) {
    const Expr v = loop_var(pool(), g_.domain[d], "o" + std::to_string(d));
    index[static_cast<std::size_t>(d)] = v;
    dims.push_back({v, g_.domain[d]});
  }
  const Expr place = place_of(pool(), index, layout_, g_.domain);
  Block body = epilogue(index, partials_.combined(kir::Combine::Add, place));
  kernel_.body.push_back(share_vector_loops(pool(), dims, std::move(body),
                                            enough_tasks(b_.target, g_.domain.numel())));
}

}  // namespace lilith::schedule
