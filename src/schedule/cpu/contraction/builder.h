#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "schedule/cpu/contraction/contraction.h"
#include "schedule/cpu/loop_order.h"
#include "schedule/cpu/register_tile.h"
#include "schedule/cpu/tasks.h"

namespace lilith::schedule {

/// A loop over tiles of one axis of the result.
struct TileLoop {
  int axis;
  std::int64_t tile;  // elements of the axis in one step
  kir::Expr var;      // counts steps
  std::int64_t steps;
};

/// The tile that the loops stand at.
struct ResultTile : RegisterTile {
  std::vector<int> row_axes;  // of each loop over rows
  kir::Expr step;             // of the vector axis: which of its tiles this is
  std::vector<kir::Expr> at;  // the value of every axis
};

/// A contraction's group on its way to kernels. The parts:
///   contraction.cpp  what comes after what; addresses; tasks; the generic loops
///   tiles.cpp        register tiles over the result and their epilogues
///   pack.cpp         panels of b and the kernel that fills them
///   dots.cpp         the lanes along the sum
///   split.cpp        a long sum over a small result, shared by the threads
/// `at` is the value of every axis, by its number in the spec.
class ContractionBuilder {
 public:
  ContractionBuilder(Builder& b, const Product& g);
  /// False, with nothing done, when no tile holds the windows that the group pools.
  bool build();

 private:
  using NodeImpl = ir::NodeImpl;
  using Block = kir::Block;
  using Expr = kir::Expr;

  kir::Pool& pool() { return *kernel_.pool; }
  Expr number(std::int64_t v) { return pool().integer(v); }
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }
  int axes() const { return static_cast<int>(spec_.axes.size()); }
  std::vector<int> summed_axes() const;
  std::int64_t extent(const std::vector<int>& some) const { return extent_of(spec_.axes, some); }
  std::vector<Expr> zeros() { return std::vector<Expr>(spec_.axes.size(), number(0)); }

  void swap_operands();
  bool mark_windows();
  void allocate();
  std::string how() const;

  // Addresses, in the pool of the kernel that uses them.
  Expr place_a(kir::Pool& p, const std::vector<Expr>& at) const;
  Expr place_b(kir::Pool& p, const std::vector<Expr>& at) const;
  Expr load_operand(int buffer, Expr address);
  Expr load_b(const std::vector<Expr>& at, Expr tile, Expr column);
  Index out_index(const std::vector<Expr>& at);

  // Panels of b: [other axes of b][vector tile][k][lane].
  std::vector<int> panel_axes() const;
  std::int64_t vector_tiles() const;
  Expr packed_place(kir::Pool& p, const std::vector<Expr>& at, Expr tile, Expr column) const;
  void pack_b();
  Block pack_tile(kir::Pool& p, kir::BufferId from, kir::BufferId to, std::vector<Expr> at,
                  Expr tile, std::int64_t width, const LoopDim& inner) const;

  // Tiles.
  std::vector<TileLoop> tile_loops();
  void emit_tiles();
  Block tile_cases(const std::vector<TileLoop>& loops, std::size_t k,
                   std::vector<std::int64_t> sizes,
                   const std::function<Block(const std::vector<std::int64_t>&)>& emit);
  ResultTile make_tile(const std::vector<TileLoop>& loops, const std::vector<std::int64_t>& sizes,
                       std::vector<Expr> at);
  Block inner_sum(kir::RegId acc, ResultTile tile, const std::vector<int>& summed);
  std::vector<Access> reads_ahead(const ResultTile& tile, const Block& epilogue) const;
  Block prefetch_row(const ResultTile& tile, const std::vector<Access>& reads, Expr row);
  Block sum_with_prefetch(kir::RegId acc, ResultTile tile, const std::vector<Access>& reads);
  kir::RegId add_accumulator(const ResultTile& tile);
  Expr read(kir::RegId acc, const ResultTile& tile);

  // Epilogues.
  void visit_epilogue(const std::function<void(const NodeImpl*, bool made_here)>& visit) const;
  void mark_strided();
  int epilogue_cost() const;
  bool heavy_epilogue(std::int64_t elements) const;
  Block epilogue(const Index& index, Expr core);
  Block epilogue_of_tile(kir::RegId acc, const ResultTile& tile);
  Block pooled_epilogue(kir::RegId acc, const ResultTile& tile);

  // Split sums.
  void keep_steps_inside();
  void emit_split();
  Expr partial_place(const std::vector<Expr>& at, Expr chunk);
  Block clear_partial(kir::BufferId partial, Expr chunk);
  Block add_tiles(kir::BufferId partial, Expr chunk, const std::vector<Expr>& at);
  void combine_partials(kir::BufferId partial);

  void emit_generic();
  void emit_dots();
  // Small products one thread does sooner than two agree.
  std::int64_t tasks() const { return macs_ < 2e4 ? 1 : enough_tasks(b_.target); }

  Builder& b_;
  const Product& g_;
  kir::Kernel kernel_;
  Lowerer lower_;
  DType dtype_;
  ContractionSpec spec_;
  ContractionSchedule choice_;
  Layout layout_;    // of the group's stored values
  int packed_ = -1;  // buffer of b's panels
  bool fetches_ahead_ = false;
  double macs_ = 1;
};

}  // namespace lilith::schedule
