#pragma once
#include <vector>

#include "schedule/builder.h"

namespace lilith::schedule {

constexpr std::int64_t kMinTask = 4096;  // elements worth handing to another thread

/// One loop dimension of a map: a dimension of the domain, or several merged.
struct LoopDim {
  kir::Expr var;
  std::int64_t extent = 1;
  bool reduced = false;
};

/// A memory access of a map: its address and how much memory it walks over.
struct Access {
  kir::Expr address;
  double bytes = 0;
  kir::BufferId buffer = -1;
};

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
/// Whether one thread per row is a good way to reduce these axes: rows enough, or little work.
bool suits_rows(const Shape& domain, const std::vector<std::int64_t>& axes, const Target& target);

/// A block of one loop.
kir::Block in_loop(kir::Expr var, kir::LoopKind kind, kir::Block body);
void append(kir::Block* to, kir::Block from);
/// Replaces variables in every statement (null entries stay); `by` is indexed by VarId.
void substitute(kir::Block* body, const std::vector<kir::Expr>& by);
/// Serial loops around a body, the first outermost.
kir::Block nest(const std::vector<LoopDim>& loops, kir::Block body);
/// Iterations of all loops together.
std::int64_t extent_of(const std::vector<LoopDim>& dims);
/// Splits one loop index over the product of several loops' extents; sets their variables in `by`.
void split_index(kir::Expr index, const std::vector<LoopDim>& dims, std::vector<kir::Expr>* by);

}  // namespace lilith::schedule
