#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernel_ir/kernel.h"
#include "schedule/target.h"

// How the threads of a block hold a tile of a product and multiply slices of the operands that lie
// in shared memory.
namespace lilith::schedule::gpu {

class Tile {
 public:
  virtual ~Tile() = default;
  virtual std::string name() const = 0;
  virtual std::int64_t height() const = 0;   // rows
  virtual std::int64_t width() const = 0;    // columns
  virtual std::int64_t slice() const = 0;    // elements of the sum at a time
  virtual std::int64_t threads() const = 0;  // of the block
  virtual double macs_a_cycle() const = 0;   // of a unit that runs such tiles, about

  // Slices in shared memory: of the rows' operand (a) or the columns'.
  virtual DType dtype() const = 0;
  /// Elements of a slice's memory.
  virtual std::int64_t size(bool is_a) const = 0;
  /// The place of element k of the slice in row or column i.
  virtual kir::Expr place(bool is_a, kir::Expr k, kir::Expr i) const = 0;
  /// A value as it is stored there.
  virtual kir::Expr rounded(kir::Expr value) const { return value; }
  std::int64_t shared_bytes() const {
    return (size(true) + size(false)) * static_cast<std::int64_t>(size_of(dtype()));
  }

  /// Registers for the sums, 0 at first; of one kernel.
  virtual kir::Block declare(kir::Kernel* kernel) = 0;
  /// Thread loops that add a slice's products.
  virtual kir::Block multiply(kir::BufferId a, kir::BufferId b) = 0;
  /// Thread loops around `f` for each element: its row and column in the tile, and its value.
  virtual kir::Block for_each(
      const std::function<kir::Block(kir::Expr row, kir::Expr column, kir::Expr value)>& f) = 0;
};

/// What a tile has to suit.
struct TileTask {
  std::int64_t rows, columns, sum;                        // of the product
  DType dtype;                                            // of registers
  std::optional<DType> mma;                               // what a warp may multiply operands as
  bool by_sum_a, by_sum_b;                                // an operand lies in memory along the sum
  std::function<std::int64_t(const Tile&)> tiles, parts;  // of the result, and of its sum
  std::int64_t blocks(const Tile& t) const { return tiles(t) * parts(t); }
};
/// Threads that have rows and columns of elements each; null where the device has no memory for
/// it.
std::unique_ptr<Tile> fma_tile(const GpuTarget& target, const TileTask& task);
/// Warps that multiply by tensor cores; null where they have nothing to do.
std::unique_ptr<Tile> mma_tile(const GpuTarget& target, const TileTask& task);

}  // namespace lilith::schedule::gpu
