#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "schedule/cpu/contraction/panels.h"
#include "schedule/cpu/contraction/product_kernel.h"
#include "schedule/cpu/contraction/tile_schedule.h"
#include "schedule/cpu/partials.h"
#include "schedule/cpu/register_tile.h"
#include "schedule/kernel/loop_order.h"

namespace lilith::schedule {

/// A loop over tiles of one axis of the result.
struct TileLoop {
  int axis;
  std::int64_t tile;            // elements of the axis in one step
  kir::Expr var;                // counts steps
  std::int64_t steps, typical;  // what there are, and what counts (LoopDim)
};

/// The tile that the loops stand at.
struct ResultTile : RegisterTile {
  std::vector<int> row_axes;  // of each loop over rows
  kir::Expr step;             // of the vector axis: which of its tiles this is
  std::vector<kir::Expr> at;  // the value of every axis
  // Where a full tile reaches beyond the result: of a row, of a lane. Null: everywhere.
  kir::Expr row_inside, column_inside;
  kir::Block before;  // what these read
  // By axis whose last tile reaches beyond: what is left of it from the tile's first element on.
  std::vector<kir::Expr> left;
};

/// Register tiles over the result: what all loops around them share.
class Tiles : protected ProductKernel {
 public:
  Tiles(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
        const TileSchedule& schedule);
  virtual ~Tiles() = default;
  /// Adds the kernels.
  void emit();

 protected:
  /// The loops over the tiles and what is in them.
  virtual void emit_loops();
  virtual std::string how() const;
  /// The summed axis of the steps that are one; -1: none.
  virtual int pair_axis() const { return -1; }
  /// Whether tiles that reach beyond the result may be masked.
  virtual bool may_mask() const { return true; }

  std::vector<TileLoop> tile_loops();
  Block tile_cases(const std::vector<TileLoop>& loops, std::size_t k,
                   std::vector<std::int64_t> sizes,
                   const std::function<Block(const std::vector<std::int64_t>&)>& emit);
  ResultTile make_tile(const std::vector<TileLoop>& loops, const std::vector<std::int64_t>& sizes,
                       std::vector<Expr> at);
  kir::RegId add_accumulator(const ResultTile& tile);
  Expr read(kir::RegId acc, const ResultTile& tile);
  virtual Expr tile_a(const ResultTile& tile);
  virtual Expr tile_b(const ResultTile& tile);
  Block inner_sum(kir::RegId acc, ResultTile tile, const std::vector<int>& summed);
  /// Sums a tile and stores it.
  Block whole_tile(const ResultTile& tile);
  Block epilogue_of_tile(kir::RegId acc, const ResultTile& tile);
  std::vector<Access> reads_ahead(const ResultTile& tile, const Block& epilogue) const;
  Block prefetch_row(const ResultTile& tile, const std::vector<Access>& reads, Expr row);

  TileSchedule schedule_;
  std::unique_ptr<Panels> panels_;
  bool fetches_ahead_ = false;

 private:
  bool is_masked(int axis) const;
  std::int64_t narrow_tile(int axis) const;
  Expr left_from(int axis, Expr first, bool open, Block* before);
  Block inside(const ResultTile& tile, Block block) const;
  bool is_written_out(const ResultTile& tile, int inner) const;
  Block sum_with_prefetch(kir::RegId acc, ResultTile tile, const std::vector<Access>& reads);
  Block pooled_epilogue(kir::RegId acc, const ResultTile& tile);
  bool heavy_epilogue(std::int64_t elements) const;
};

/// A long sum over a small result: its outer part runs outside of the tiles.
class SplitTiles : public Tiles {
 public:
  using Tiles::Tiles;

 protected:
  void emit_loops() override;
  bool may_mask() const override { return false; }

 private:
  void keep_steps_inside();
  Expr partial_place(const std::vector<Expr>& at, Expr chunk);
  Block clear_partial(Expr chunk);
  Block add_tiles(Expr chunk, const std::vector<Expr>& at);
  void combine_partials();

  Partials partials_;
};

}  // namespace lilith::schedule
