#pragma once
#include <cstdint>
#include <vector>

#include "schedule/kernel/contraction_spec.h"
#include "schedule/target.h"

// What a register tile costs while its operands lie in the L1 and L2 caches.
namespace lilith::schedule {

/// Of one axis in the lanes: where a vector of b comes from and how it lies there.
struct LaneLoads {
  bool near = true;     // from the L1 cache
  bool aligned = true;  // no vector lies across two lines
  double cycles() const { return (near ? 0.5 : 1.0) * (aligned ? 1 : 2); }
};

/// What a step of the sum takes besides to make f32 of halves: an element of a for each row, a
/// vector of b.
constexpr double kWidenedRow = 1.5, kWidenedVector = 1;
/// What a vector of products of bytes takes besides, where they are multiplied as I32: an FMA does
/// both of its parts in a quarter of the time.
constexpr double kByteProduct = 1.5;
inline double byte_products(const ContractionSpec& spec) {
  return size_of(spec.a_dtype) == 1 && size_of(spec.b_dtype) == 1 ? kByteProduct : 0;
}
/// Cycles of one step of the sum: FMAs beside broadcasts of a and vectors of b. What takes less
/// time is not free: both compete for the front end, which is the limit where there are no FMAs.
double step_cycles(std::int64_t rows, std::int64_t vectors, const LaneLoads& b, bool has_fma);

/// The same where each row has vectors of its own, of which it loads a part in each step; `shared`:
/// the cycles of what all rows load once.
double vector_step_cycles(std::int64_t rows, std::int64_t vectors, const LaneLoads& own,
                          double shared, bool has_fma, double loaded = 1);

/// Rows with vectors of their own whose windows overlap, as along a depthwise convolution: row r
/// reads at step k of the innermost sum what row r + 1 read `shift` steps before. With that sum
/// written out each vector is loaded once.
struct Window {
  std::int64_t shift = 0;   // steps of the innermost sum between one row and the next; 0: none
  std::int64_t extent = 1;  // of that sum

  /// Whether the sum may be written out: it is short enough, and sums, what later steps read again
  /// and the vector that all rows share stay in registers.
  bool is_written_out(const Target& target, std::int64_t rows, std::int64_t vectors) const;
  /// Vectors of its own that a row loads in a step, on average.
  double loads(std::int64_t rows) const;
};
/// Of rows along an axis while another lies in the lanes.
Window window_of(const std::vector<Axis>& axes, int vector_axis, int row_axis);

/// Rows of a tile whose sums stay in registers, beside an element of a, the vectors of b and, where
/// there are no FMAs, a product.
std::int64_t most_rows(const Target& target, std::int64_t vectors);

/// How many tiles there are along an extent that varies, the last one masked: as extents of about
/// this size have them.
double masked_tiles(std::int64_t extent, std::int64_t tile);

/// Whether steps of every axis but the one in the lanes move b by whole vectors.
bool is_aligned(const std::vector<Axis>& axes, int vector_axis, std::int64_t lanes);

/// The factor by which threads that have no tile while others do lengthen a product.
double idle_factor(const Target& target, double tasks);

/// Of a result whose lanes lie apart for those who read and write it: the gathers and scatters of
/// its epilogue, or the same in rows, once all of the product lies in memory.
struct StridedEpilogue {
  double cycles = 0;
  bool in_rows = false;
};
StridedEpilogue strided_epilogue(const ContractionSpec& spec, int vector_axis, double scattered);

/// What a layout with this axis in the lanes costs those who read it, where there is a choice:
/// pooling and the next convolution want the channels there; norms, softmax and the gradients of
/// weights want the columns of a matrix.
double layout_factor(const ContractionSpec& spec, int vector_axis);

}  // namespace lilith::schedule
