#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schedule/kernel/loops.h"
#include "schedule/target.h"

// Blocks of threads: how kernels for a GPU are divided.
namespace lilith::schedule {

/// The smallest power of two from `least` on.
std::int64_t power_of_two(std::int64_t least);

/// A Thread loop around a body, or two of them.
kir::Block threads_loop(kir::Expr thread, kir::Block body);
kir::Block threads_loop(kir::Expr row, kir::Expr lane, kir::Block body);
/// Steps of a block one after another, with a Barrier before each that loads what one since the
/// last Barrier stores, or stores what one touches.
kir::Block in_steps(std::vector<kir::Block> steps);
/// A body that one thread of the block runs.
kir::Block one_thread(kir::Pool& pool, kir::Block body);
/// Makes a kernel of `block.extent` blocks of `threads` threads.
void make_grid(kir::Kernel* kernel, kir::Expr block, std::int64_t threads, kir::Block body);

/// The threads of a block as rows of lanes, for `rows` rows of `elements` elements: the lanes of a
/// row share its elements. One row a block where they are many.
struct RowsOfLanes {
  RowsOfLanes(kir::Pool& pool, const GpuTarget& target, std::int64_t rows, std::int64_t elements);

  kir::Block over(kir::Block body) const;  // Thread loops
  /// The body for the first lane of each row that exists.
  kir::Block once_a_row(kir::Block body) const;
  /// A register that the lanes of a row combine, and its index.
  kir::RegId add_register(kir::Kernel* kernel, DType dtype) const;
  std::vector<kir::Expr> index() const;
  /// A register of each lane, and its index.
  kir::RegId add_lane_register(kir::Kernel* kernel, std::string name, DType dtype) const;
  std::vector<kir::Expr> lane_index() const;

  std::int64_t rows_a_block, lanes, blocks;
  kir::Expr block, row_in_block, lane;
  kir::Expr row;     // of all
  kir::Expr exists;  // whether there is such a row; null: always
};

}  // namespace lilith::schedule
