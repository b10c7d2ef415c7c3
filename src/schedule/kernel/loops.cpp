#include "schedule/kernel/loops.h"

#include <utility>

#include "kernel_ir/walk.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

Expr loop_var(kir::Pool& pool, std::int64_t extent, std::string name) {
  return extent == 1 ? pool.integer(0) : pool.var(extent, std::move(name));
}

Expr unknown(kir::Kernel& kernel, std::string name, Expr count, Block* before) {
  const kir::RegId reg = kernel.add_reg(std::move(name), DType::I64);
  before->push_back(kir::DeclReg{reg, count});
  return kernel.pool->read(reg, DType::I64);
}

std::int64_t extent_of(const std::vector<LoopDim>& dims) {
  std::int64_t n = 1;
  for (const LoopDim& d : dims) n *= d.extent;
  return n;
}

Block in_loop(Expr var, LoopKind kind, Block body) {
  if (var->op != kir::Op::Var) return body;
  Block outer;
  outer.push_back(kir::make_for(var, kind, std::move(body)));
  return outer;
}

std::vector<LoopDim> proper_loops(std::vector<LoopDim> loops) {
  std::erase_if(loops, [](const LoopDim& d) { return d.var->op != kir::Op::Var; });
  return loops;
}

Block nest(const std::vector<LoopDim>& all, Block body, LoopKind innermost) {
  const std::vector<LoopDim> loops = proper_loops(all);
  for (auto it = loops.rbegin(); it != loops.rend(); ++it)
    body = in_loop(it->var, it == loops.rbegin() ? innermost : LoopKind::Serial, std::move(body));
  return body;
}

Block only_where(Expr cond, Block body) {
  if (!cond || cond.is_const(1)) return body;
  Block outer;
  outer.push_back(kir::If{cond, std::make_shared<Block>(std::move(body)), nullptr});
  return outer;
}

void append(Block* to, Block from) {
  for (kir::Stmt& s : from) to->push_back(std::move(s));
}

Block full_or_last(Expr var, std::int64_t extent, std::int64_t tile,
                   const std::function<Block(std::int64_t size)>& emit) {
  const std::int64_t tiles = divide_up(extent, tile), last = extent - (tiles - 1) * tile;
  if (tiles == 1 || last == tile) return emit(last);
  Block body;
  body.push_back(kir::If{kir::lt(var, var.pool().integer(tiles - 1)),
                         std::make_shared<Block>(emit(tile)), std::make_shared<Block>(emit(last))});
  return body;
}

Block tile_by_tile(kir::Pool& pool, std::string name, std::int64_t extent, std::int64_t tile,
                   const std::function<Block(Expr first, std::int64_t size)>& emit) {
  const std::int64_t full = extent / tile, rest = extent % tile;
  Block body;
  if (full > 0) {
    const Expr v = loop_var(pool, full, std::move(name));
    body = in_loop(v, LoopKind::Serial, emit(v * pool.integer(tile), tile));
  }
  if (rest > 0) append(&body, emit(pool.integer(full * tile), rest));
  return body;
}

void set_var(std::vector<Expr>* by, Expr var, Expr value) {
  const auto id = static_cast<std::size_t>(var->i);
  if (by->size() <= id) by->resize(id + 1);
  (*by)[id] = value;
}

void split_index(Expr index, const std::vector<LoopDim>& dims, std::vector<Expr>* by) {
  const std::int64_t total = extent_of(dims);
  std::int64_t inner = 1;
  for (auto it = dims.rbegin(); it != dims.rend(); ++it) {
    Expr part = inner == 1 ? index : kir::floor_div(index, inner);
    inner *= it->extent;
    if (inner != total) part = kir::floor_mod(part, it->extent);
    set_var(by, it->var, part);
  }
}

void substitute(Block* body, const std::vector<Expr>& by) {
  for (kir::Stmt& s : *body) {
    kir::for_each_expr(s, [&](Expr& e) { e = kir::substitute(e, by); });
    kir::for_each_block(s, [&](Block& b) { substitute(&b, by); });
  }
}

}  // namespace lilith::schedule
