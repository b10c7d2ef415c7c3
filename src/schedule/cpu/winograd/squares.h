#pragma once
#include <functional>
#include <string>
#include <vector>

#include "schedule/cpu/contraction/product_kernel.h"
#include "schedule/cpu/winograd/grid.h"
#include "schedule/cpu/winograd/matrices.h"

namespace lilith::schedule {

/// What kernels of transformed tiles share: squares of elements of the operands on their way in, of
/// the result on their way out.
class SquareKernel : protected ProductKernel {
 protected:
  /// Columns go through in panels of `columns`, whole vectors.
  SquareKernel(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
               const WinogradMatrices& matrices, std::int64_t columns);

  /// How much of a square lies inside, along each of two axes; null: all of it.
  struct Edges {
    Expr inside[2];
    /// Whether the element in this row and column does.
    Expr holds(Expr row, Expr column) const;
  };
  /// How many tiles there are from a group of `size` on. Null: as many as it has.
  Expr tiles_from(const TileGrid& grid, Expr group, std::int64_t size, Block* before);
  /// Of the square at `at`, on axes that reach `beyond` their extents.
  Edges edges(const TileGrid& grid, const std::vector<Expr>& at, std::int64_t beyond,
              Block* before);
  /// Of a where `a`, else of b: the square at `at`, whose rows and columns `grid.axes` move to,
  /// transformed, in the lanes of the loop around it.
  Block transformed(bool a, const Matrix& m, const TileGrid& grid, std::vector<Expr> at,
                    const Edges& edges,
                    const std::function<kir::Stmt(Expr square, Expr value)>& store);
  /// Of each column of a panel: the sums of products transformed back, and stored from the result's
  /// place `at` on. `grid`: the tiles of the result; null: it is one tile.
  Block results(const TileGrid* grid, std::vector<Expr> at, Expr panel,
                const std::function<Expr(Expr square, Expr column)>& sum);

  const Correlation form_;
  const WinogradMatrices matrices_;
  const std::int64_t columns_, panels_, squares_;

 private:
  Block store_square(const TileGrid* grid, std::vector<Expr> at, Expr panel);
  Block store_windows(std::vector<Expr> at, Expr panel);

  kir::BufferId result_ = -1;
};

}  // namespace lilith::schedule
