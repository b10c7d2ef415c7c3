#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schedule/cpu/contraction/tiles.h"

namespace lilith::schedule {

/// A register tile and the blocks around it.
struct BlockSchedule {
  TileSchedule tile;
  int cut_axis = -1;  // summed: a block holds `cut` steps of it and all axes inside; -1: all
  std::int64_t cut = 1;
  std::int64_t row_tiles = 1;  // tiles along the rows (all row axes as one) in a block
  std::int64_t column_tiles = 1;
  // Summed, of cut_sum's axes: `packed` of its steps are one (packed_sums.h); -1: none.
  int pair_axis = -1;
  std::int64_t packed = 2;
  bool copy_a = false;  // the block of a is copied, in the order in which it is read
  bool copy_b = false;  // and so are the columns of b that a tile reads, for all rows of the block
  double cycles = 0;    // the model's estimate, of one thread

  std::string name(const std::vector<Axis>& axes, bool pooled) const;
};

/// The axis in two: `cut` of its steps inside of blocks. Axis -1: as it is.
ContractionSpec cut_sum(ContractionSpec spec, int axis, std::int64_t cut);

/// Blocks for a product; cycles that are not finite where none make sense.
std::vector<BlockSchedule> search_blocks(const ContractionSpec& spec, const Target& target,
                                         DType dtype);

/// The same for sums of packed products, both operands copied. None where the target has no
/// instruction for them.
std::vector<BlockSchedule> search_packed(const ContractionSpec& spec, const Target& target,
                                         DType dtype);
/// The axes that a schedule's loops walk: the sum in blocks and packed.
ContractionSpec cut_for(const ContractionSpec& spec, const BlockSchedule& schedule);

/// A product in blocks: a part of the sum and of the rows, whose part of a stays in the L2 cache
/// while panels of b pass by.
///
///   parallel block of rows, block of columns {
///     for block of the sum {
///       copy the block of a
///       for tile of columns { copy the columns of b; for tile of rows {
///         acc = first ? 0 : partial[tile];  acc += …;  last ? epilogue(acc) : partial[tile] = acc
///       } } } }
///
/// After K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
class BlockedTiles : public Tiles {
 public:
  BlockedTiles(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
               const BlockSchedule& schedule);

 protected:
  void emit_loops() override;
  std::string how() const override;
  int pair_axis() const override { return blocks_.pair_axis < 0 ? -1 : blocks_.pair_axis + 1; }
  Expr tile_a(const ResultTile& tile) override;
  Expr tile_b(const ResultTile& tile) override;

 private:
  // The loops over tiles, by what they walk.
  struct Loops {
    std::vector<TileLoop> batches, rows;
    TileLoop columns;
    std::int64_t row_steps = 1;
    bool rows_open = false;  // there are more or fewer of them in other programs
  };
  Loops make_loops();
  Block tiles_of_block(const Loops& loops, Expr row_block, Expr column_block);
  Block block_of_sum(const Loops& loops, Expr row_block, Expr column_block);
  // The loops over rows, standing at tile `step` of all.
  std::vector<TileLoop> rows_at(const Loops& loops, Expr step);
  Block copy_block(const Loops& loops, Expr row_block);
  Block copy_tile(const ResultTile& tile);
  Block copy_columns(const TileLoop& columns);
  Block one_tile(const ResultTile& tile);
  Expr partial_place(const ResultTile& tile);
  Expr copied_place(const ResultTile& tile);
  Expr copied_element(ResultTile tile);
  DType copied_dtype() const { return pair_axis() < 0 ? dtype_ : DType::I32; }
  Expr copied_column(const ResultTile& tile);
  std::vector<LoopDim> walk_sum(ResultTile* tile);
  std::vector<Expr> whole_sum();
  bool along_sum() const;  // a's elements follow each other along the sum, not along the rows

  BlockSchedule blocks_;
  std::vector<int> outer_, inner_;  // summed axes: of the blocks, inside of one
  std::vector<Expr> at_;            // the value of every axis, where the loops around a tile stand
  Expr sum_block_;                  // the number of the block of the sum
  std::int64_t sum_blocks_ = 1;
  Expr row_tile_, column_tile_;  // in the block
  kir::BufferId partial_ = -1, copy_ = -1, columns_ = -1;
};

}  // namespace lilith::schedule
