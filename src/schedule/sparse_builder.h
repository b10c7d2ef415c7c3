#pragma once
#include <functional>
#include <string>
#include <vector>

#include "schedule/loops.h"
#include "schedule/sparse.h"

namespace lilith::schedule {

/// Products with an unpool: only its elements that are not zero, from a list. What a gather and a
/// scatter share. Each element of a list meets `rows` times a run of `run_` contiguous elements of
/// the other operand.
class SparseBuilder {
 public:
  SparseBuilder(Builder& b, const Group& g);

 protected:
  using NodeImpl = ir::NodeImpl;
  using Block = kir::Block;
  using Expr = kir::Expr;

  /// A tile of the rows and the run, in registers.
  struct Tile {
    std::vector<Expr> vars;  // of the tile's rows
    Expr row, column;        // its row and column, in registers
    Expr element;            // of the run
    std::int64_t rows = 1, columns = 1;
  };

  kir::Pool& pool() { return *kernel_.pool; }
  Expr number(std::int64_t v) { return pool().integer(v); }
  const Axis& axis(int i) const { return s_.axes[static_cast<std::size_t>(i)]; }
  std::int64_t extent(int i) const { return axis(i).extent; }
  std::int64_t product(const std::vector<int>& list) const {
    std::int64_t n = 1;
    for (const int i : list) n *= extent(i);
    return n;
  }
  Expr& at(int i) { return at_[static_cast<std::size_t>(i)]; }
  Expr make_var(int i) {
    at(i) = extent(i) == 1 ? number(0) : pool().var(extent(i), axis(i).name);
    return at(i);
  }
  Expr flat(const std::vector<int>& list) {
    Expr sum = number(0);
    for (const int i : list) sum = sum * number(extent(i)) + at(i);
    return sum;
  }
  Index out_index() {
    Index index(static_cast<std::size_t>(g_.domain.rank()), number(0));
    for (std::size_t i = 0; i < s_.axes.size(); ++i) {
      if (s_.axes[i].summed()) continue;
      Expr& e = index[static_cast<std::size_t>(s_.axes[i].out_dim)];
      e = e + at_[i] * number(s_.axes[i].out_step);
    }
    return index;
  }
  kir::BufferId written(int buffer) {
    const kir::BufferId id = lower_.param(buffer);
    kernel_.buffers[static_cast<std::size_t>(id)].written = true;
    return id;
  }
  Expr load(int buffer, Expr place) {
    const DType memory = b_.plan.buffers[static_cast<std::size_t>(buffer)].dtype;
    const Expr raw = pool().load(lower_.param(buffer), memory, place);
    return is_floating(memory) && raw.dtype() != dtype_ ? pool().cast(raw, dtype_) : raw;
  }
  std::int64_t rows() const { return product(row_axes_); }

  static Block loop(Expr var, Block body, kir::LoopKind kind = kir::LoopKind::Serial);
  Block loops(const std::vector<int>& axes, Block body);
  /// The first axis shared by the team, loops over the others.
  Block shared_loops(const std::vector<int>& axes, Block body);
  /// The last of the loops in lanes.
  static Block vector_loops(std::vector<Expr> vars, Block body);
  Block clear(kir::BufferId buffer, Expr base, std::int64_t n);
  /// for (j = first; j < end; ++j) body(place, value), over the list that the axes stand at.
  Block each_element(const std::function<Block(Expr place, Expr value)>& body);
  static Block over_tile(const Tile& t, Block body);
  /// Walks rows and run in tiles that fit the registers; `emit` finds the axes' values set.
  Block tiles(const std::function<Block(const Tile&)>& emit);
  Block row_tiles(Expr first, std::int64_t columns, const std::function<Block(const Tile&)>& emit);
  /// Buffers for what the group stores, in this order of dimensions.
  void allocate(std::vector<int> order);
  void launch();

  Builder& b_;
  const Group& g_;
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

void build_gather(Builder& b, const Group& g);
void build_scattered(Builder& b, const Group& g);

}  // namespace lilith::schedule
