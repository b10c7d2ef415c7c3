#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lilith/kernel_ir.h"
#include "schedule/plan.h"

namespace lilith::schedule {

constexpr std::int64_t kLine = 64;       // bytes of a cache line
constexpr std::int64_t kMinTask = 4096;  // elements worth handing to another thread

/// One loop: over a dimension of a kernel's domain, or over several merged.
struct LoopDim {
  kir::Expr var;  // a constant where there is one iteration alone
  std::int64_t extent = 1;
  bool reduced = false;
};

/// A loop's variable; 0 where there is one iteration alone.
kir::Expr loop_var(kir::Pool& pool, std::int64_t extent, std::string name);
/// Iterations of all loops together.
std::int64_t extent_of(const std::vector<LoopDim>& dims);

/// A block of one loop; the body itself where `var` is a constant.
kir::Block in_loop(kir::Expr var, kir::LoopKind kind, kir::Block body);
/// Without those of one iteration alone.
std::vector<LoopDim> proper_loops(std::vector<LoopDim> loops);
/// Loops around a body, the first outermost, all but the last serial.
kir::Block nest(const std::vector<LoopDim>& loops, kir::Block body,
                kir::LoopKind innermost = kir::LoopKind::Serial);
/// The body where `cond` (null: always) holds.
kir::Block only_where(kir::Expr cond, kir::Block body);
void append(kir::Block* to, kir::Block from);

/// A loop whose iterations are tasks of the team.
kir::Stmt parallel_for(kir::Expr var, kir::Block body);
/// The same, where there are elements enough to share.
kir::Stmt tasks_loop(kir::Expr var, kir::Block body, std::int64_t elements);
/// How many tasks share work evenly; one where there are too few elements to share.
std::int64_t enough_tasks(const Target& target, std::int64_t elements = kMinTask);
/// Loops of which the outer ones become tasks until there are `tasks` of them; the others run
/// inside of each.
kir::Stmt share_loops(kir::Pool& pool, std::vector<LoopDim> dims, kir::Block body,
                      std::int64_t tasks);
/// The same with the last loop in the lanes.
kir::Stmt share_vector_loops(kir::Pool& pool, std::vector<LoopDim> dims, kir::Block body,
                             std::int64_t tasks);
/// A body that one thread runs, once.
kir::Stmt run_once(kir::Pool& pool, kir::Block body);

/// Sets what replaces a variable in `by`, which is indexed by VarId.
void set_var(std::vector<kir::Expr>* by, kir::Expr var, kir::Expr value);
/// Splits one loop index over the product of several loops' extents; sets their variables in `by`.
void split_index(kir::Expr index, const std::vector<LoopDim>& dims, std::vector<kir::Expr>* by);
/// Replaces variables in every statement (null entries stay); `by` is indexed by VarId.
void substitute(kir::Block* body, const std::vector<kir::Expr>& by);

}  // namespace lilith::schedule
