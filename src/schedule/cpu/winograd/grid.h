#pragma once
#include <cstdint>
#include <vector>

#include "schedule/cpu/winograd/correlation.h"

namespace lilith::schedule {

/// The tiles that two axes are cut into, at every place of some others.
struct TileGrid {
  std::vector<int> outer;
  int axes[2];
  std::int64_t step;                 // of both axes, from a tile to the next
  std::int64_t along[2];             // tiles
  std::int64_t extents[2];           // of the two axes
  std::vector<std::int64_t> counts;  // of the outer ones
  std::int64_t all = 1;
  bool varies[2] = {false, false};  // the two extents, from program to program
  bool count_varies = false;        // from program to program, how many tiles there are

  TileGrid(const ContractionSpec& spec, std::vector<int> outer, const int (&axes)[2],
           std::int64_t step);
  /// Where all axes stand at the first element of a tile, by its number.
  std::vector<kir::Expr> at(kir::Expr tile, std::size_t axes_of_spec) const;
  /// Whether tiles may reach over the axis.
  bool reaches_over(int d) const { return varies[d] || extents[d] % step != 0; }
  /// Whether groups of `size` tiles are all full.
  bool fills(std::int64_t size) const { return !count_varies && all % size == 0; }
};

}  // namespace lilith::schedule
