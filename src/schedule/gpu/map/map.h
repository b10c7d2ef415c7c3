#pragma once
#include <optional>
#include <string>

#include "schedule/gpu/blocks.h"
#include "schedule/kernel/backend.h"
#include "schedule/kernel/map_kernel.h"
#include "schedule/kernel/reduction.h"

namespace lilith::schedule::gpu {

/// The kinds of maps: each adds its kernels to the plan. map.cpp decides.
void emit_pointwise(MapKernel& map);
void emit_row_reduction(MapKernel& map);
void emit_column_reduction(MapKernel& map);
void emit_best_index(MapKernel& map);

/// The model's estimate for stores alone, one after another.
double pointwise_cycles(MapKernel& map);
/// Loads that walk a loop in line which stores cross.
struct Crossing {
  std::size_t inner, across;     // loops: of stores, of these loads
  std::vector<kir::Expr> loads;  // with the map's variables
  double cycles;
};
std::optional<Crossing> find_crossing(MapKernel& map);
void emit_crossing(MapKernel& map, const Crossing& c);

/// What is computed of the sums of a column, instead of storing all of them.
struct ColumnEnd {
  struct Value {
    ir::NodeImpl* node;
    kir::Expr value;  // in terms of the map's variables and the registers of the sums
  };
  std::vector<kir::RegId> sums;  // a register a reduction
  std::vector<Value> stores;
  Nodes nodes() const {
    Nodes all;
    for (const Value& v : stores) all.push_back(v.node);
    return all;
  }
};

void emit_column_chain(MapKernel& map, const ColumnEnd& end);
/// The chunks of rows that a column reduction is cut into.
std::int64_t column_chunks(MapKernel& map);
/// Sums over columns and what follows from them point by point; none for other chains.
std::vector<Choice> column_chain_ways(Builder& b, const RowChain& g);

/// Into how many chunks a reduction is cut so that the device has blocks enough, beside `blocks` of
/// them; 1 where these are enough or a chunk would be short.
std::int64_t chunks_for(const GpuTarget& target, std::int64_t blocks, std::int64_t elements);

/// Reductions of a map whose partial results lie in memory: [chunk][kept element, in the order of
/// the kernel's loops]. A second launch combines them.
class ChunkSums {
 public:
  /// Memory for them; none for one chunk.
  ChunkSums(MapKernel& map, std::int64_t chunks, std::int64_t kept);
  bool are_results() const { return chunks_ == 1; }
  /// Stores reduction k of a kept element: its partial sum, or the result itself.
  kir::Stmt store(std::size_t k, kir::Expr chunk, kir::Expr element, kir::Expr value,
                  const std::vector<kir::Expr>& by);
  /// The second launch, where there are chunks.
  void combine(const GpuTarget& target);

 private:
  MapKernel& map_;
  const std::int64_t chunks_, kept_;
  std::vector<int> buffers_;  // one a reduction
};

}  // namespace lilith::schedule::gpu
