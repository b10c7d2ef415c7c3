#pragma once
#include <cstdint>
#include <vector>

#include "schedule/kernel/loops.h"
#include "schedule/target.h"

// Loops that the threads of a team share.
namespace lilith::schedule {

constexpr std::int64_t kLine = 64;       // bytes of a cache line
constexpr std::int64_t kMinTask = 4096;  // elements worth handing to another thread

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

}  // namespace lilith::schedule
