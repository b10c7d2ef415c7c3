#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "schedule/cpu/tasks.h"
#include "schedule/kernel/contraction_spec.h"

namespace lilith::schedule {

/// A product on its way to kernels: what all ways to compute one share. `at` is the value of every
/// axis, by its number in the spec.
class ProductKernel {
 public:
  /// `layout`: of the group's stored values.
  ProductKernel(Builder& b, const Product& g, ContractionSpec spec, Layout layout);

 protected:
  using NodeImpl = ir::NodeImpl;
  using Block = kir::Block;
  using Expr = kir::Expr;

  kir::Pool& pool() { return *kernel_.pool; }
  Expr number(std::int64_t v) { return pool().integer(v); }
  int axes() const { return static_cast<int>(spec_.axes.size()); }
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }
  std::vector<int> summed_axes() const;
  std::int64_t extent(const std::vector<int>& some) const { return extent_of(spec_.axes, some); }
  /// In this kernel.
  Expr unknown(const std::string& name, Expr count, Block* before);
  /// Whether that is worth it: a large product may have code of its own for sizes that divide.
  bool is_small() const { return typical_macs_ < 2e7; }
  std::vector<Expr> zeros() { return std::vector<Expr>(spec_.axes.size(), number(0)); }

  /// An operand's element; 0 where `guard` (null: always) does not hold.
  Expr load_a(const std::vector<Expr>& at, Expr guard = {});
  Expr load_b(const std::vector<Expr>& at, Expr guard = {});
  /// The index into the result.
  Index out_index(const std::vector<Expr>& at);
  /// Stores the group's results at an index, `core` being the product's value there.
  Block epilogue(const Index& index, Expr core);
  /// From here on elements of the product wait in memory, laid out as `layout_` says.
  void keep_for_rows();
  bool keeps() const { return kept_ >= 0; }
  /// Stores the group's results where the axes stand, or keeps the product's element for later.
  Block store_result(const std::vector<Expr>& at, Expr core);
  /// The epilogue in rows of what was kept; nothing where nothing was.
  void store_kept();
  /// After a barrier: the epilogue, in rows, of a product that lies as `layout_` says.
  void store_in_rows(const std::function<Expr(Expr place)>& product);
  /// How many steps go along an axis, by its typical extent where that varies.
  std::int64_t typical_steps(int axis, std::int64_t by) const;
  /// Small products one thread does sooner than two agree.
  std::int64_t tasks() const;
  /// Ends the kernel; `how` says what is particular to it.
  void launch(std::string how);

  Builder& b_;
  const Product g_;
  kir::Kernel kernel_;
  Lowerer lower_;
  DType dtype_;
  ContractionSpec spec_;
  Layout layout_;

 private:
  struct Turned;
  struct Range {
    std::int64_t first, count;
  };
  Turned turned_over(int lanes_dim);
  void store_borders();
  void store_zeros(ir::NodeImpl* n, const std::vector<Range>& box);

  kir::BufferId kept_ = -1;
  const double typical_macs_;
};

}  // namespace lilith::schedule
