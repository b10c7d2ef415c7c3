#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schedule/kernel/contraction_spec.h"
#include "schedule/target.h"

namespace lilith::schedule {

/// Register tiles over the result: their shape, and the loops around them.
struct TileSchedule {
  int vector_axis = -1;          // runs in SIMD lanes: contiguous in b and in the result
  bool swap = false;             // a and b change places, so that the vector axis is b's
  std::int64_t vector_tile = 0;  // elements of the vector axis in one tile
  std::vector<int> row_axes;     // at most two, the last innermost
  std::vector<std::int64_t> row_tiles;
  bool pack_b = false;          // b is copied into panels [tile][k][vector_tile] first
  std::vector<int> split_axes;  // summed axes outside of the tiles, their first cut into chunks
  std::int64_t chunks = 1;
  double cycles = 0;  // the model's estimate, of one thread

  std::int64_t tile_of(int axis) const;
  std::string name(const std::vector<Axis>& axes, bool pooled) const;
};

/// The best tiles by the model, the best first.
std::vector<TileSchedule> search_tiles(const ContractionSpec& spec, const Target& target,
                                       DType dtype);
/// Fills in split_axes and chunks: a long sum over a small result runs outside of the tiles.
void choose_split(const ContractionSpec& spec, const Target& target, DType dtype,
                  std::int64_t result, TileSchedule* s);

}  // namespace lilith::schedule
