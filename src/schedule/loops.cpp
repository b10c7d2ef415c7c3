#include "schedule/loops.h"

#include <utility>

#include "kernel_ir/walk.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

Expr loop_var(kir::Pool& pool, std::int64_t extent, std::string name) {
  return extent == 1 ? pool.integer(0) : pool.var(extent, std::move(name));
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
  if (!cond) return body;
  Block outer;
  outer.push_back(kir::If{cond, std::make_shared<Block>(std::move(body)), nullptr});
  return outer;
}

void append(Block* to, Block from) {
  for (kir::Stmt& s : from) to->push_back(std::move(s));
}

kir::Stmt parallel_for(Expr var, Block body) {
  return kir::make_for(var, LoopKind::Parallel, std::move(body));
}

kir::Stmt tasks_loop(Expr var, Block body, std::int64_t elements) {
  return kir::make_for(var, elements >= kMinTask ? LoopKind::Parallel : LoopKind::Serial,
                       std::move(body));
}

std::int64_t enough_tasks(const Target& target, std::int64_t elements) {
  return elements < kMinTask ? 1 : 8 * target.threads;
}

kir::Stmt share_loops(kir::Pool& pool, std::vector<LoopDim> dims, Block body, std::int64_t tasks) {
  dims = proper_loops(std::move(dims));
  std::size_t shared = 0;
  std::int64_t n = 1;
  while (shared < dims.size() && n < tasks) n *= dims[shared++].extent;
  body = nest({dims.begin() + static_cast<std::ptrdiff_t>(shared), dims.end()}, std::move(body));
  dims.resize(shared);
  if (shared == 0) return run_once(pool, std::move(body));
  if (shared == 1) return parallel_for(dims[0].var, std::move(body));
  const Expr task = pool.var(n, "task");
  std::vector<Expr> by;
  split_index(task, dims, &by);
  substitute(&body, by);
  return parallel_for(task, std::move(body));
}

kir::Stmt share_vector_loops(kir::Pool& pool, std::vector<LoopDim> dims, Block body,
                             std::int64_t tasks) {
  dims = proper_loops(std::move(dims));
  if (!dims.empty()) {
    body = in_loop(dims.back().var, LoopKind::Vector, std::move(body));
    dims.pop_back();
  }
  return share_loops(pool, std::move(dims), std::move(body), tasks);
}

kir::Stmt run_once(kir::Pool& pool, Block body) {
  return parallel_for(pool.var(1, "once"), std::move(body));
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
