#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "schedule/cpu/loop_order.h"
#include "schedule/cpu/tasks.h"
#include "schedule/kernel/builder.h"
#include "schedule/kernel/reduction.h"

namespace lilith::schedule {

/// A group of pointwise stores and reductions over one domain on its way to a kernel. The parts:
///   map.cpp    values, the order of the loops, layouts; kernels without reductions
///   tiles.cpp  transpositions
///   stretches.cpp  pieces put together
///   reduce.cpp rows, columns, chunks with partial results; the index of the best
class MapBuilder {
 public:
  /// Decides in which order the loops run, and with it where the results lie.
  MapBuilder(Builder& b, const Map& g);
  std::string name() const;
  std::vector<std::pair<const ir::NodeImpl*, Layout>> results() const;
  /// Adds the kernel, once the results have their buffers.
  void build();

 private:
  using NodeImpl = ir::NodeImpl;
  using Block = kir::Block;
  using Expr = kir::Expr;

  kir::Pool& pool() { return *kernel_.pool; }
  bool is_arg() const;
  bool by_rows() const { return dims_.empty() || dims_.back().reduced; }
  bool reduced_axis(int d) const;
  double flops() const;

  void make_values();
  // Orders the dimensions, then merges neighbours that every access walks as one.
  void make_dims();

  // A reduction's result keeps the order of the dimensions that stay.
  Layout kept_layout() const;

  Block stores(const std::vector<Expr>& by);
  Expr reduce_value(std::size_t k, const std::vector<Expr>& by);
  Index kept_index() const;

  // Kernels without reductions.
  void build_pointwise();
  void emit_pointwise(std::vector<LoopDim> outer, const LoopDim& inner, std::int64_t tasks,
                      std::int64_t blocks, std::int64_t block);

  // A loop cut where its values come from other reads: [bounds[k], bounds[k + 1]) each; dim -1:
  // there is none.
  struct Stretches {
    int dim = -1;
    std::vector<std::int64_t> bounds;
  };
  Stretches find_stretches() const;
  void build_stretches(const Stretches& s);

  // A loop that an access walks in line while it crosses lines along the innermost one, and tiles
  // of both; dim -1: there is none.
  struct Crossing {
    int dim = -1;
    std::int64_t tile = 0, strip = 0;
  };
  Crossing find_crossing();
  void build_tiled(const Crossing& crossing);
  Block tile_of(const Crossing& crossing, Expr at, std::int64_t steps);

  // Reductions.
  std::vector<Accumulator> make_accs(const std::vector<std::int64_t>& reg_dims);
  std::vector<LoopDim> select_dims(bool reduced) const;
  // Chunks of the outermost reduced loop; 1 when there are tasks enough or too little work.
  std::int64_t chunks(std::int64_t tasks, const std::vector<LoopDim>& red) const;
  // The outermost reduced loop, cut: chunk p runs over [p*size, min((p+1)*size, extent)).
  struct Cut {
    Expr chunk;
    LoopDim loop;
    std::int64_t size = 0;
    Expr inside;  // null when the chunks are equal
  };
  Cut cut_loop(const LoopDim& dim, std::int64_t n, Expr chunk, std::vector<Expr>* by);
  // Combines partial[p][k] over p into the results, where k counts the kept elements in loop order.
  void combine_partials(const std::vector<int>& partials, const std::vector<Accumulator>& accs,
                        std::int64_t n, std::int64_t kept, const std::vector<LoopDim>& kept_dims);
  kir::Stmt store_result(std::size_t r, Expr value, const std::vector<Expr>& by);
  std::vector<int> add_partials(const std::vector<Accumulator>& accs, std::int64_t elements);

  void build_row();
  // A single reduced loop becomes two, so that the outer one can be cut and the inner one
  // vectorised.
  void split_single(std::vector<LoopDim>* red);
  Block wrap_cut(std::vector<LoopDim> serial, Block inner, const Cut& cut);
  // A masked statement must not read outside either: its loads take the mask.
  void guard_loads(Block* body, Expr inside);
  Expr guarded(Expr x, Expr inside);
  DType memory_dtype(Expr load) const;

  void build_column();
  std::int64_t column_tile(std::int64_t extent) const;
  Block column_nest(std::int64_t width, const std::vector<Accumulator>& accs, std::vector<Expr> by,
                    const LoopDim& inner, Expr base, std::vector<LoopDim> red, const Cut& cut,
                    const std::vector<int>& partials, Expr task, std::int64_t n,
                    std::int64_t total);

  // argmax and argmin: the first best element; NaN counts as best.
  void build_arg();

  Builder& b_;
  const Map g_;
  kir::Kernel kernel_;
  Lowerer lower_;
  Index index_;               // of the domain, in terms of the loop variables
  std::vector<Expr> values_;  // stores, then what the reductions combine
  std::vector<int> order_;
  std::vector<LoopDim> dims_;  // outermost first
  std::string how_;
};

}  // namespace lilith::schedule
