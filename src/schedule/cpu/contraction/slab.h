#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schedule/cpu/contraction/tiles.h"

namespace lilith::schedule {

/// A part of an operand that the kernel pads in memory of a task's own: some steps of one of its
/// dimensions, all of those that lie inside of it.
struct Slab {
  ir::NodeImpl* padded = nullptr;
  std::vector<int> order;            // of the operand's dimensions in memory
  std::vector<std::int64_t> stride;  // of each, as if all of it was stored
  std::vector<int> outer;            // axes of the result that stand still in a slab
  std::size_t cut = 0;               // in `order`: the dimension that slabs are cut along
  int axis = -1;                     // of the result, along that one
  std::int64_t tiles = 1;            // of this axis, for each slab
  std::int64_t rows = 1;             // of the dimension, in a slab
  double cycles = 0;                 // of all copies

  std::string name(std::string of_tiles) const;
};

/// Slabs that the L2 cache holds and that share work evenly; none where the tiles do not allow it.
std::optional<Slab> find_slab(const Builder& b, const ContractionSpec& spec, ir::NodeImpl* padded,
                              const TileSchedule& schedule);

/// Tiles over slabs of a padded operand, which is stored nowhere else:
///
///   parallel image, block of rows {
///     for row, column { vector channel { slab = inside ? a : 0 } }
///     for tile in the block { acc = 0;  acc += slab * b …;  epilogue(acc) }
///   }
///
/// Of memory, a is read once but for the rows that windows of two blocks share.
class SlabTiles : public Tiles {
 public:
  SlabTiles(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
            const TileSchedule& schedule, Slab slab)
      : Tiles(b, g, spec, layout, schedule), slab_(std::move(slab)) {}

 protected:
  void emit_loops() override;
  std::string how() const override { return slab_.name(Tiles::how()); }
  Expr tile_a(const ResultTile& tile) override;
  Expr tile_b(const ResultTile& tile) override;

 private:
  Block copy_slab(const std::vector<TileLoop>& outer, Expr first_row);
  Expr in_slab(Expr place);

  Slab slab_;
  kir::BufferId copy_ = -1;
  std::vector<Expr> at_first_;  // zeros for the variables that say which slab it is
};

}  // namespace lilith::schedule
