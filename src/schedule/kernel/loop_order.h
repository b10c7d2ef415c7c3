#pragma once
#include <vector>

#include "schedule/kernel/loops.h"
#include "schedule/plan.h"

// In which order the loops of a map run, and which of them are one: what its accesses say.
namespace lilith::schedule {

/// A memory access of a map: its address and how much memory it walks over.
struct Access {
  kir::Expr address;
  double bytes = 0;
  kir::BufferId buffer = -1;
};

/// How far an address moves, on average, when a variable takes a step.
double step_of(kir::Expr address, kir::Expr var);
/// Every load below these expressions, each once.
std::vector<Access> loads_of(const std::vector<kir::Expr>& roots, const kir::Kernel& kernel);
/// Nodes below these expressions, each once.
std::size_t expression_size(const std::vector<kir::Expr>& roots);
/// Variables that appear outside of affine addresses: they cannot be merged.
std::vector<bool> pinned_vars(const std::vector<kir::Expr>& roots);
/// The order of a domain's dimensions (outermost first) that lets the most bytes be walked in line.
std::vector<int> choose_order(const std::vector<kir::Expr>& vars, const Shape& domain,
                              const std::vector<Access>& accesses);

/// Loops over a domain; `by` replaces variables that were merged (null: unchanged).
struct DomainLoops {
  std::vector<LoopDim> dims;  // outermost first
  std::vector<kir::Expr> by;
};
/// One loop for each run of dimensions, in this order, that every access walks as one. Those of
/// unlike `reduced` stay apart, and those that are kept too unless `merge_kept`.
DomainLoops merge_loops(kir::Pool& pool, const std::vector<LoopDim>& ordered,
                        const std::vector<Access>& accesses, const std::vector<bool>& pinned,
                        bool merge_kept);

/// Of a value that lacks some dimensions of one laid out in `order`: the order of those that stay.
Layout layout_without(const std::vector<int>& order, const std::vector<bool>& dropped);

}  // namespace lilith::schedule
