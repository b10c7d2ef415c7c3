#pragma once
#include "schedule/cpu/register_tile.h"
#include "schedule/cpu/winograd/schedule.h"
#include "schedule/cpu/winograd/squares.h"

namespace lilith::schedule {

/// A correlation with many taps of which 3x3 results are asked for, as a convolution's weights'
/// gradient is: the taps go in square tiles, which are added up while they are transformed.
///
///   parallel tile { vector row { V[…][tile][row] = B^T a B }; vector column { W[…] = G b G^T } }
///   barrier
///   parallel block of rows, panel of columns {
///     for group of tiles { for element of a square { M[element] += V[element]^T W[element] } }
///     for row { vector column { Y = A^T M A };  epilogue of Y }
///   }
///
/// V lies in blocks of rows and W in panels, so that a task reads both in line. In chunks, a
/// group's V and W stay in a thread's caches and each chunk of the groups has all of M:
///
///   parallel chunk of groups { for group { transform; for block, panel { M[chunk] += … } } }
///   barrier
///   parallel block, panel { for row { vector column { Y of the sum of M };  epilogue of Y } }
class WinogradSums : private SquareKernel {
 public:
  WinogradSums(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
               const WinogradSumSchedule& schedule);
  void emit();

 private:
  // Transformed tiles of one operand: [group][block][square][tile][element of the block].
  struct Side {
    bool a;
    const Matrix* matrix;
    std::vector<int> axes;  // of its elements
    std::int64_t extent, block, blocks;
    std::int64_t beyond;  // the tiles reach over the axes' extents
    kir::BufferId buffer = -1;
  };
  Side make_side(bool a);
  Expr place(const Side& side, Expr group, Expr block, Expr square, Expr tile, Expr element);
  Block transform(const Side& side, Expr group, Expr tile);
  Block squares_of(const Side& side, Expr group, Expr tile);
  Block zeros_of(const Side& side, Expr group, Expr tile);
  // Where a task or a chunk stands: its group, whether it is the first of its sums, which sums.
  struct At {
    Expr group, first, block, panel, sums;
  };
  void add_memory();
  void emit_staged();
  void emit_chunks();
  Block products(const At& at);
  Block one_tile(const At& at, Expr square, Expr first, std::int64_t rows);
  Expr sum_place(Expr sums, Expr square, Expr row, Expr column);
  Block back(Expr block, Expr panel);

  const WinogradSumSchedule schedule_;
  const TileGrid grid_;
  std::int64_t groups_;
  const bool staged_;
  Side rows_, lanes_;
  kir::BufferId sums_ = -1;
};

}  // namespace lilith::schedule
