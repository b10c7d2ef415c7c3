#pragma once
#include <vector>

#include "kernel_ir/kernel.h"

// Task mode: how a kernel that was made for a team of threads becomes launches of many work items.
// Its Barriers part it. An iteration of a Parallel loop is a work item; every other loop runs
// inside of one, in order, which is the order of kir::interpret: sums have its bits.
namespace lilith::codegen::c {

/// Statements of a kernel that one launch runs.
struct Part {
  std::vector<const kir::Stmt*> body;
  /// Work items: each runs its iteration of all of the body's loops, which are Parallel ones. 1:
  /// one item runs everything.
  std::int64_t items = 1;
  bool uses(kir::BufferId b) const { return used[static_cast<std::size_t>(b)]; }
  std::vector<bool> used;  // by buffer
};

/// The parts of a kernel, to be run one after another. Between two barriers, Parallel loops of
/// which one reads what another stores are parts of their own; so is what stands beside them. Where
/// registers or scratch are handed on between what would be parts, one item runs all of it.
std::vector<Part> parts_of(const kir::Kernel& k);

}  // namespace lilith::codegen::c
