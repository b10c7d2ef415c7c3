#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernel_ir/kernel.h"

namespace lilith::schedule {

/// One loop: over a dimension of a kernel's domain, or over several merged.
struct LoopDim {
  kir::Expr var;  // a constant where there is one iteration alone
  std::int64_t extent = 1;
  bool reduced = false;
  std::int64_t typical = 0;  // where the extent varies: what counts where the form is decided
};

/// A loop's variable; 0 where there is one iteration alone.
kir::Expr loop_var(kir::Pool& pool, std::int64_t extent, std::string name);
/// A count that a register holds, set by what is added to `before`: what is known of it would else
/// make other code for each remainder of a size.
kir::Expr unknown(kir::Kernel& kernel, std::string name, kir::Expr count, kir::Block* before);
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

/// How many steps of `by` cover `n`.
constexpr std::int64_t divide_up(std::int64_t n, std::int64_t by) { return (n + by - 1) / by; }
/// One of the tiles that an extent is cut into, the `var`-th; the last may be shorter than `tile`
/// and has code of its own. `emit` makes the code of a tile of so many elements.
kir::Block full_or_last(kir::Expr var, std::int64_t extent, std::int64_t tile,
                        const std::function<kir::Block(std::int64_t size)>& emit);
/// All of them, one after another: a loop over the full ones, then what remains. `emit` makes the
/// code of the tile that begins at `first`.
kir::Block tile_by_tile(kir::Pool& pool, std::string name, std::int64_t extent, std::int64_t tile,
                        const std::function<kir::Block(kir::Expr first, std::int64_t size)>& emit);

/// Sets what replaces a variable in `by`, which is indexed by VarId.
void set_var(std::vector<kir::Expr>* by, kir::Expr var, kir::Expr value);
/// Splits one loop index over the product of several loops' extents; sets their variables in `by`.
void split_index(kir::Expr index, const std::vector<LoopDim>& dims, std::vector<kir::Expr>* by);
/// Replaces variables in every statement (null entries stay); `by` is indexed by VarId.
void substitute(kir::Block* body, const std::vector<kir::Expr>& by);

}  // namespace lilith::schedule
