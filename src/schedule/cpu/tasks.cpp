#include "schedule/cpu/tasks.h"

#include <utility>

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

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
  std::int64_t n = 1, counted = 1;
  for (; shared < dims.size() && counted < tasks; ++shared) {
    const LoopDim& d = dims[shared];
    n *= d.extent;
    counted *= d.typical > 0 ? d.typical : d.extent;
  }
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

}  // namespace lilith::schedule
