#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "schedule/kernel/builder.h"
#include "schedule/kernel/contraction_spec.h"
#include "schedule/kernel/loops.h"

// A product's axes on their way to a kernel of blocks: rows, columns, batch and sum.
namespace lilith::schedule::gpu {

/// Axes that an operand walks alone, or that are summed, as one number.
struct Side {
  std::vector<LoopDim> dims;
  std::int64_t extent = 1;
};

/// The loops of a product, and how far each moves the index of either operand.
struct Loops {
  std::vector<Axis> axes;
  Coefficients steps[2];
  int a = 0, b = 1;  // which operand gives the rows, which the columns
  // By axis: whether it goes over the elements of a pooling's window. Those of one side are its
  // last.
  std::vector<bool> in_window = {};
  std::int64_t window = 1;  // elements

  bool moves(int operand, std::size_t axis) const {
    return std::ranges::any_of(steps[operand][axis], [](std::int64_t k) { return k != 0; });
  }
  double macs() const {
    double n = 1;
    for (const Axis& x : axes) n *= static_cast<double>(x.extent);
    return n;
  }
};

/// Of a contraction: summed axes with the longest step outside.
Loops loops_of(const Builder& b, const ir::NodeImpl* core);
/// Axes that a pooling's windows divide become two, the second inside of a window; what no window
/// reaches is not computed. False where that is not one axis a dimension, or of different operands.
bool split_windows(const Product& g, Loops* loops);

/// A product on its way to a kernel: its axes as rows, columns, batch and sum.
class ProductLoops {
 protected:
  ProductLoops(Builder& b, const Product& g, const Loops& loops);

  kir::Pool& pool() { return *kernel_.pool; }
  kir::Expr number(std::int64_t n) { return pool().integer(n); }
  /// What replaces the axes' variables where these are the numbers of batch, row, column and sum;
  /// null: not asked for.
  std::vector<kir::Expr> place(kir::Expr batch, kir::Expr row, kir::Expr column, kir::Expr k) const;
  /// Stores the group's results where the product's element has this place.
  kir::Block store_at(const std::vector<kir::Expr>& by, kir::Expr value);
  /// An element of an operand; 0 where `inside` (null: always) does not hold.
  kir::Expr operand(int which, const std::vector<kir::Expr>& by, kir::Expr inside);
  /// Stores the group's results of a window: `by` is the place of its first element, and element(k)
  /// the product's k-th one in it.
  kir::Block store_window(std::vector<kir::Expr> by,
                          const std::function<kir::Expr(std::int64_t)>& element);
  /// Whether each axis of the result has a dimension of its own.
  bool has_plain_axes() const;
  /// The number of the product's element at an index of its result, where they are plain.
  kir::Expr number_of(const Index& at) const;
  std::int64_t elements() const { return batch_.extent * rows_.extent * columns_.extent; }

  Builder& b_;
  const Product g_;
  const Loops loops_;
  kir::Kernel kernel_;
  Lowerer lower_;
  const DType dtype_;
  std::vector<kir::Expr> at_;  // a variable an axis
  Side batch_, rows_, columns_, sum_;

 private:
  Side& side_of(std::size_t axis);
};

/// Which element of a product is the how many-th, in any kernel.
class Numbering : private ProductLoops {
 public:
  Numbering(Builder& b, const Product& g, const Loops& loops) : ProductLoops(b, g, loops) {}
  using ProductLoops::number_of;
};

}  // namespace lilith::schedule::gpu
