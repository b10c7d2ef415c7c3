#include "schedule/gpu/blocks.h"

#include <algorithm>
#include <bit>
#include <unordered_set>

#include "kernel_ir/walk.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

std::int64_t power_of_two(std::int64_t least) {
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(least)));
}

Block threads_loop(Expr thread, Block body) {
  Block outer;
  outer.push_back(kir::make_for(thread, LoopKind::Thread, std::move(body)));
  return outer;
}

Block threads_loop(Expr row, Expr lane, Block body) {
  return threads_loop(row, threads_loop(lane, std::move(body)));
}

Block one_thread(kir::Pool& pool, Block body) {
  return threads_loop(pool.var(1, "one"), std::move(body));
}

namespace {

struct Touched {
  std::unordered_set<std::int64_t> loads, stores;

  void add(const Block& body) {
    for (const kir::Stmt& s : body) {
      if (s.kind == kir::Stmt::Kind::Store) stores.insert(s.store.buffer);
      kir::for_each_expr(s, [&](Expr x) {
        kir::for_each_below(x, [&](Expr e) {
          if (e->op == kir::Op::Load) loads.insert(e->i);
        });
      });
      kir::for_each_block(s, [&](const Block& inner) { add(inner); });
    }
  }
  bool meets(const Touched& later) const {
    const auto shares = [](const auto& a, const auto& b) {
      return std::ranges::any_of(a, [&](std::int64_t x) { return b.contains(x); });
    };
    return shares(later.loads, stores) || shares(later.stores, stores) ||
           shares(later.stores, loads);
  }
};

}  // namespace

Block in_steps(std::vector<Block> steps) {
  Block all;
  Touched since;
  for (Block& step : steps) {
    Touched own;
    own.add(step);
    if (since.meets(own)) {
      all.push_back(kir::Barrier{});
      since = {};
    }
    since.add(step);
    append(&all, std::move(step));
  }
  return all;
}

void make_grid(kir::Kernel* kernel, Expr block, std::int64_t threads, Block body) {
  kernel->threads = static_cast<int>(threads);
  kernel->body.push_back(kir::make_for(block, LoopKind::Grid, std::move(body)));
}

namespace {

constexpr std::int64_t kLanes = 32;      // of a row that is no longer than a few of them
constexpr std::int64_t kLongRow = 1024;  // elements that a whole block shares

}  // namespace

RowsOfLanes::RowsOfLanes(kir::Pool& pool, const GpuTarget& target, std::int64_t rows,
                         std::int64_t elements) {
  lanes =
      elements >= kLongRow
          ? target.threads
          : std::min({kLanes, power_of_two(elements), static_cast<std::int64_t>(target.threads)});
  rows_a_block = std::min(target.threads / lanes, power_of_two(rows));
  blocks = divide_up(rows, rows_a_block);
  block = pool.var(blocks, "block");
  lane = pool.var(lanes, "lane");
  row_in_block = rows_a_block == 1 ? pool.integer(0) : pool.var(rows_a_block, "row");
  row = block * pool.integer(rows_a_block) + row_in_block;
  if (blocks * rows_a_block != rows) exists = kir::lt(row, pool.integer(rows));
}

Block RowsOfLanes::over(Block body) const {
  return rows_a_block == 1 ? threads_loop(lane, std::move(body))
                           : threads_loop(row_in_block, lane, std::move(body));
}

Block RowsOfLanes::once_a_row(Block body) const {
  if (rows_a_block == 1) return one_thread(lane.pool(), std::move(body));
  const Expr first = kir::eq(lane, lane.pool().integer(0));
  return over(only_where(exists ? kir::logical_and(exists, first) : first, std::move(body)));
}

kir::RegId RowsOfLanes::add_register(kir::Kernel* kernel, DType dtype) const {
  return rows_a_block == 1 ? kernel->add_reg("acc", dtype)
                           : kernel->add_thread_reg("acc", dtype, {rows_a_block}, 1);
}

std::vector<Expr> RowsOfLanes::index() const {
  return rows_a_block == 1 ? std::vector<Expr>{} : std::vector<Expr>{row_in_block};
}

kir::RegId RowsOfLanes::add_lane_register(kir::Kernel* kernel, std::string name,
                                          DType dtype) const {
  return rows_a_block == 1
             ? kernel->add_thread_reg(std::move(name), dtype, {lanes}, 1)
             : kernel->add_thread_reg(std::move(name), dtype, {rows_a_block, lanes}, 2);
}

std::vector<Expr> RowsOfLanes::lane_index() const {
  return rows_a_block == 1 ? std::vector<Expr>{lane} : std::vector<Expr>{row_in_block, lane};
}

}  // namespace lilith::schedule
