#pragma once
#include <string>
#include <vector>

#include "schedule/cpu/contraction/product_kernel.h"
#include "schedule/cpu/register_tile.h"
#include "schedule/cpu/winograd/matrices.h"
#include "schedule/cpu/winograd/schedule.h"
#include "schedule/cpu/winograd/weights.h"

namespace lilith::schedule {

/// A correlation of 3x3 taps, square tiles of the result at a time:
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
class WinogradTiles : private ProductKernel {
 public:
  WinogradTiles(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
                const WinogradSchedule& schedule);
  void emit();

 private:
  // A tile of the result, by its number among all: where the axes stand at its first element.
  std::vector<Expr> at_tile(Expr tile) const;
  Expr number_of(Expr group, Expr tile);
  Expr data_place(Expr square, Expr group, Expr tile, Expr step);
  Expr sum_place(Expr square, Expr tile, Expr column);
  void add_memory();
  Block transform_data(Expr group, Expr tile);
  Block panel(Expr group, Expr panel);
  Block products(Expr group, Expr panel);
  Block results(Expr group, Expr panel);
  Block store_tile(std::vector<Expr> at, Expr panel);

  const WinogradSchedule schedule_;
  const Correlation form_;
  const WinogradMatrices matrices_;
  const TileCounts counts_;
  WinogradWeights weights_;
  std::int64_t groups_, squares_, steps_;
  kir::BufferId data_ = -1, sums_ = -1, result_ = -1, weights_param_ = -1;
};

}  // namespace lilith::schedule
