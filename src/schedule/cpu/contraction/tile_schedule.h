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
  bool b_is_small = false;  // all of it that lies under the lanes' axis stays in the cache: it is
                            // walked innermost
  bool pack_b = false;      // b is copied into panels [tile][k][vector_tile] first
  bool in_rows = false;     // the epilogue runs over all of the result afterwards, in rows
  std::vector<int> split_axes;  // summed axes outside of the tiles, their first cut into chunks
  std::int64_t chunks = 1;
  double cycles = 0;       // the model's estimate, of one thread
  double pack_cycles = 0;  // of these, to fill the panels

  std::int64_t tile_of(int axis) const;
  std::int64_t rows() const;  // of a full tile
  std::string name(const std::vector<Axis>& axes, bool pooled) const;
};

/// The best tiles by the model for every way to lie in the lanes, the best first; sums that run
/// outside of the tiles are ways of their own.
std::vector<TileSchedule> search_tiles(const ContractionSpec& spec, const Target& target,
                                       DType dtype);
}  // namespace lilith::schedule
