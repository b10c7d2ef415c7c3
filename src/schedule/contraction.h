#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schedule/builder.h"

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
  /// Arrays that the epilogue reads or writes with a stride when this axis lies in the lanes.
  int strided = 0;
  bool summed() const { return out_dim < 0; }
};

/// dot_general and conv_general as one thing: out[Σ] = sum over the summed axes of a[Σ] * b[Σ],
/// where every place is an offset plus strides times axes.
struct ContractionSpec {
  std::vector<Axis> axes;
  int a_buffer = -1, b_buffer = -1;
  std::int64_t a_offset = 0, b_offset = 0;
};
ContractionSpec make_spec(const Builder& b, ir::NodeImpl* core);

/// An operand as memory: the buffer, and the step of each dimension of the operand's own shape.
struct Operand {
  int buffer = -1;
  std::int64_t offset = 0;
  std::vector<std::int64_t> stride;
};
Operand make_operand(const Builder& b, ir::NodeImpl* node);
/// Every axis of a contraction, in an order that depends on its attributes alone, given how far a
/// step in each dimension of its operands moves.
std::vector<Axis> contraction_axes(const ir::NodeImpl* core, const std::vector<std::int64_t>& a,
                                   const std::vector<std::int64_t>& b);

/// Elements that some of the axes span together.
std::int64_t extent_of(const std::vector<Axis>& axes, const std::vector<int>& some);
/// The row-major number of a place among them; `at` is the value of every axis.
kir::Expr flat_index(kir::Pool& pool, const std::vector<Axis>& axes, const std::vector<int>& some,
                     const std::vector<kir::Expr>& at);
/// The index into a result of this rank.
Index result_index(kir::Pool& pool, const std::vector<Axis>& axes, int rank,
                   const std::vector<kir::Expr>& at);

/// The chosen shape of the loops.
struct ContractionSchedule {
  int vector_axis = -1;          // runs in SIMD lanes: contiguous in b and in the result
  bool swap = false;             // a and b change places, so that the vector axis is b's
  std::int64_t vector_tile = 0;  // elements of the vector axis in one tile
  std::vector<int> row_axes;     // at most two, the last innermost
  std::vector<std::int64_t> row_tiles;
  bool pack_b = false;          // b is copied into panels [tile][k][vector_tile] first
  std::vector<int> split_axes;  // summed axes outside of the tiles, their first cut into chunks
  std::int64_t chunks = 1;
  // Without a vector axis: the lanes run along a summed axis, and so many elements of the result
  // next to each other along another share what they read.
  int sum_axis = -1, group_axis = -1;
  std::int64_t group = 1;
  double cycles = 0;  // the model's estimate on one thread
};
ContractionSchedule choose_schedule(const ContractionSpec& spec, const Target& target, DType dtype,
                                    const Shape& out);
/// The best schedule with the sum in the lanes; infinite cycles where there is none.
ContractionSchedule choose_dots(const ContractionSpec& spec, const Target& target, DType dtype);

}  // namespace lilith::schedule
