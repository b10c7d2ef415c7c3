#include <algorithm>

#include "schedule/cpu/contraction/product_kernel.h"

// An epilogue whose arrays lie in rows while the product's lanes cross them (the update of a
// convolution's weights) would scatter each element. The product alone waits in memory, laid out as
// it was computed; then strips of its lanes are turned over, and what follows walks in line:
//
//   barrier
//   parallel outer dimensions, strip of lanes, block inside {
//     for p in block { vector c in strip { turned[c][p] = product[…][p][c] } }
//     vector c, p { epilogue(turned[c][p]) }
//   }
//
// Traffic beside the epilogue's own: the product once out and once in.
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kTurned = 1024;  // elements that are turned over at once

}  // namespace

// What lies between neighbours in the lanes, as one loop, and how much of both is turned over.
struct ProductKernel::Turned {
  std::vector<LoopDim> outside, inside;  // dimensions around that of the lanes, and within a step
  std::int64_t step = 1;                 // elements from a lane to the next
  std::int64_t block = 1, strip = 1;     // of the step, of the lanes
  Index index;
};

ProductKernel::Turned ProductKernel::turned_over(int lanes_dim) {
  Turned t;
  for (int d = 0; d < g_.domain.rank(); ++d) {
    const Expr v = loop_var(pool(), g_.domain[d], "o" + std::to_string(d));
    t.index.push_back(v);
    if (d < lanes_dim) t.outside.push_back({v, g_.domain[d]});
    if (d > lanes_dim) t.inside.push_back({v, g_.domain[d]});
  }
  t.step = extent_of(t.inside);
  const std::int64_t lanes = b_.target.lanes(dtype_);
  t.block = t.step * lanes <= kTurned ? t.step : kTurned / lanes;
  const std::int64_t extent = g_.domain[lanes_dim], most = kTurned / t.block / lanes * lanes;
  t.strip = std::min(extent, std::max(lanes, most));
  // Equal strips, where there are some of half that size.
  for (std::int64_t n = t.strip; n >= std::max(lanes, most / 2); n -= lanes) {
    if (extent % n != 0) continue;
    t.strip = n;
    break;
  }
  return t;
}

void ProductKernel::store_in_rows(const std::function<Expr(Expr place)>& product) {
  const int lanes_dim = layout_.order.back();
  const Turned t = turned_over(lanes_dim);
  const std::int64_t lanes = g_.domain[lanes_dim];
  const std::int64_t strips = divide_up(lanes, t.strip), blocks = divide_up(t.step, t.block);
  const Expr strip = loop_var(pool(), strips, "strip"), block = loop_var(pool(), blocks, "block");
  const kir::BufferId memory =
      kernel_.add_buffer("turned", dtype_, t.strip * t.block, kir::Space::Thread);
  // The index of an element of the strip and of the block.
  const auto index_of = [&](Expr c, Expr p) {
    std::vector<Expr> by;
    if (t.step > 1) split_index(block * number(t.block) + p, proper_loops(t.inside), &by);
    Index index = t.index;
    for (Expr& i : index) i = kir::substitute(i, by);
    index[static_cast<std::size_t>(lanes_dim)] = strip * number(t.strip) + c;
    return index;
  };
  const auto turn = [&](std::int64_t width, std::int64_t depth) {
    const Expr c = pool().var(width, "c"), p = loop_var(pool(), depth, "p");
    const Expr place = place_of(pool(), index_of(c, p), layout_, g_.domain);
    Block load{kir::Store{memory, c * number(depth) + p, product(place), {}}};
    Block body = in_loop(p, LoopKind::Serial, in_loop(c, LoopKind::Vector, std::move(load)));
    // Whole steps follow each other.
    const bool whole = depth == t.step;
    const Expr each = pool().var(whole ? width * depth : depth, "e"),
               row = whole ? kir::floor_div(each, depth) : pool().var(width, "c"),
               column = whole ? kir::floor_mod(each, depth) : each;
    const Expr at = whole ? each : row * number(depth) + each;
    Block stores = in_loop(each, LoopKind::Vector,
                           epilogue(index_of(row, column), pool().load(memory, dtype_, at)));
    append(&body, whole ? std::move(stores) : in_loop(row, LoopKind::Serial, std::move(stores)));
    return body;
  };
  std::vector<LoopDim> dims = t.outside;
  dims.push_back({strip, strips});
  dims.push_back({block, blocks});
  Block body = full_or_last(strip, lanes, t.strip, [&](std::int64_t width) {
    return full_or_last(block, t.step, t.block,
                        [&](std::int64_t depth) { return turn(width, depth); });
  });
  kernel_.body.push_back(kir::Barrier{});
  kernel_.body.push_back(
      share_loops(pool(), dims, std::move(body), enough_tasks(b_.target, g_.domain.numel())));
}

}  // namespace lilith::schedule
