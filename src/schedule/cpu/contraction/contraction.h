#pragma once
#include <cstdint>
#include <vector>

#include "schedule/kernel/contraction_spec.h"

namespace lilith::schedule {

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
