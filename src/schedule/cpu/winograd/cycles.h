#pragma once
#include <vector>

#include "schedule/cpu/winograd/grid.h"
#include "schedule/cpu/winograd/matrices.h"
#include "schedule/target.h"

// What transforms cost, in cycles of one thread.
namespace lilith::schedule {

/// Cycles of an element that is gathered since its neighbours in the lanes lie elsewhere.
constexpr double kGathered = 1.5;
/// Of a line of transformed tiles on its way to memory, one of many streams.
constexpr double kWritten = 32;

/// One vector of squares, of whose elements so many vectors are loaded and stored.
double transform_cycles(const Matrix& m, double moved);

/// All squares of an operand, read where they lie: `step` is where an axis moves it, the elements
/// of `lanes` follow each other in vectors.
double squares_cycles(const ContractionSpec& spec, std::int64_t Axis::* step,
                      const std::vector<int>& lanes, const TileGrid& grid, const Matrix& m,
                      const Target& target);

}  // namespace lilith::schedule
