#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ir/node.h"
#include "schedule/kernel/lowering.h"

// A product's loops, whatever device runs them.
namespace lilith::schedule {

/// One loop of a contraction: how far a step moves in the memory of a, of b, and in the result's
/// index. A batch axis moves all three, a row axis a and the result, a column axis b and the
/// result, a summed axis a and b.
struct Axis {
  std::string name;
  std::int64_t extent = 1;
  std::int64_t a = 0, b = 0;
  int out_dim = -1;           // of the result's logical dimensions; -1: summed
  std::int64_t out_step = 0;  // in that dimension's index
  std::int64_t unit = 1;      // a register tile holds whole multiples of this: pooling windows
  /// Arrays that the epilogue reads or writes with a stride when this axis lies in the lanes, and
  /// the widest such stride, in elements.
  int strided = 0;
  std::int64_t apart = 0;
  bool varies = false;  // in other programs that share this one's code: the last tile is masked
  int a_dim = -1, b_dim = -1;  // of the operands' logical dimensions; -1: it moves none
  bool summed() const { return out_dim < 0; }
};

/// Every axis of a contraction, in an order that depends on its attributes alone, given how far a
/// step in each dimension of its operands moves.
std::vector<Axis> contraction_axes(const ir::NodeImpl* core, const std::vector<std::int64_t>& a,
                                   const std::vector<std::int64_t>& b);

/// coefficient[axis][dimension]: how far a step of each axis moves an operand's index.
using Coefficients = std::vector<std::vector<std::int64_t>>;
Coefficients operand_coefficients(const ir::NodeImpl* core, int side);

/// True when a window of the first operand slides along this dimension of the result, as along a
/// convolution's spatial ones: an axis moves both, and a summed axis moves the operand there too.
bool slides(const ir::NodeImpl* core, int dim);
/// Whether a pooling takes windows that follow each other without overlap or padding over one or
/// two spatial dimensions of a convolution's result.
bool has_whole_windows(const ir::NodeImpl* core, const ir::NodeImpl* pool);
/// Whether every channel of the first operand has windows and few weights of its own, in the
/// second.
bool is_depthwise(const ir::NodeImpl* core);
/// The size of the result's first dimension that only the second operand has: a convolution's
/// features, a matrix's columns; 1 where there is none.
std::int64_t column_extent(const ir::NodeImpl* core);

/// Elements that some of the axes span together.
std::int64_t extent_of(const std::vector<Axis>& axes, const std::vector<int>& some);
/// The row-major number of a place among them; `at` is the value of every axis.
kir::Expr flat_index(kir::Pool& pool, const std::vector<Axis>& axes, const std::vector<int>& some,
                     const std::vector<kir::Expr>& at);
/// The index into a result of this rank.
Index result_index(kir::Pool& pool, const std::vector<Axis>& axes, int rank,
                   const std::vector<kir::Expr>& at);

}  // namespace lilith::schedule
