#pragma once
#include <functional>
#include <string>
#include <vector>

#include "schedule/cpu/register_tile.h"
#include "schedule/cpu/sparse/sparse.h"
#include "schedule/cpu/tasks.h"
#include "schedule/kernel/contraction_spec.h"

namespace lilith::schedule {

/// Products with an unpool: only its elements that are not zero, from a list. What a gather and a
/// scatter share. Each element of a list meets `rows` times a run of `run_` contiguous elements of
/// the other operand.
class SparseBuilder {
 public:
  SparseBuilder(Builder& b, const Product& g);

 protected:
  using Block = kir::Block;
  using Expr = kir::Expr;

  /// A tile of the rows and the run.
  struct RunTile : RegisterTile {
    Expr element;  // of the run
  };

  kir::Pool& pool() { return *kernel_.pool; }
  Expr number(std::int64_t v) { return pool().integer(v); }
  const Axis& axis(int i) const { return s_.axes[static_cast<std::size_t>(i)]; }
  std::int64_t extent(int i) const { return axis(i).extent; }
  std::int64_t extent(const std::vector<int>& some) const { return extent_of(s_.axes, some); }
  std::int64_t rows() const { return extent(row_axes_); }
  Expr& at(int i) { return at_[static_cast<std::size_t>(i)]; }
  Expr flat(const std::vector<int>& some) { return flat_index(pool(), s_.axes, some, at_); }
  Expr load(int buffer, Expr place) { return lower_.load(buffer, place, dtype_); }

  /// A loop over an axis: its variable is the axis's value from now on.
  LoopDim make_loop(int i);
  std::vector<LoopDim> make_loops(const std::vector<int>& some);
  /// The loops that the axes' values are the variables of.
  std::vector<LoopDim> loops(const std::vector<int>& some);

  Block clear(kir::BufferId buffer, Expr base, std::int64_t n);
  /// for (j = first; j < end; ++j) body(place, value), over the list that the axes stand at.
  Block each_element(const std::function<Block(Expr place, Expr value)>& body);
  /// Walks rows and run in tiles that fit the registers; `emit` finds the axes' values set.
  Block tiles(const std::function<Block(const RunTile&)>& emit);
  Block row_tiles(Expr first, std::int64_t columns,
                  const std::function<Block(const RunTile&)>& emit);
  /// Dimensions of the result in this order, the others outside of them.
  Layout layout_of(std::vector<int> order) const;
  /// Stores the group's results where the axes stand, `sum` being the product's.
  Block store_results(Expr sum);
  void launch();

  Builder& b_;
  const Product g_;
  SparseSpec s_;
  Operand dense_;
  kir::Kernel kernel_;
  Lowerer lower_;
  DType dtype_;
  std::vector<Expr> at_;  // the value of every axis
  std::vector<int> summed_lists_, result_lists_, row_axes_, run_axes_;
  std::int64_t run_ = 1;
  SparseList list_;
  double work_ = 0;
  std::string how_;
};

}  // namespace lilith::schedule
