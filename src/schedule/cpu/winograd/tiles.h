#pragma once
#include "schedule/cpu/register_tile.h"
#include "schedule/cpu/winograd/schedule.h"
#include "schedule/cpu/winograd/squares.h"
#include "schedule/cpu/winograd/weights.h"

namespace lilith::schedule {

/// A correlation with 3x3 or 5x5 taps, square tiles of the result at a time:
///
///   parallel group of tiles {
///     for tile { vector summed { V[…][tile][summed] = B^T a B } }
///     for panel of columns {
///       for element of a square { M[element] = V[element] U[element] }
///       for tile { vector column { Y = A^T M A };  epilogue of Y }
///     }
///   }
///
/// U: the transformed weights. Staged, V of all tiles comes first, and groups meet each panel in
/// tasks of their own.
class WinogradTiles : private SquareKernel {
 public:
  WinogradTiles(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
                const WinogradSchedule& schedule);
  void emit();

 private:
  Expr number_of(Expr group, Expr tile, Expr left);
  Expr begins(Expr first, Expr left);
  Expr data_place(Expr square, Expr group, Expr tile, Expr step);
  Expr sum_place(Expr square, Expr tile, Expr column);
  void add_memory();
  Block transform_data(Expr group, Expr tile);
  Block panel(Expr group, Expr panel);
  Block products(Expr group, Expr panel, Expr left);

  const WinogradSchedule schedule_;
  const TileGrid grid_;
  WinogradWeights weights_;
  std::int64_t groups_, steps_;
  kir::BufferId data_ = -1, sums_ = -1, weights_param_ = -1;
};

}  // namespace lilith::schedule
