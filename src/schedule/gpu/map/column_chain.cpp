#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "schedule/gpu/backend.h"
#include "schedule/gpu/map/map.h"
#include "schedule/kernel/loop_order.h"
#include "schedule/kernel/reduction.h"

// Sums over columns, and what follows from a column's sums point by point: a bias gradient with the
// update of its bias. The thread that ends a column computes that too.
namespace lilith::schedule::gpu {

using ir::NodeImpl;
using kir::Expr;

namespace {

class ColumnChain {
 public:
  ColumnChain(Builder& b, const RowChain& g) : chain_(g), map_(b, chain_.stages[0].map) {}

  /// False where a stage reads another column, or the sums have to be taken in parts.
  bool prepare() {
    if (map_.domain.shape.numel() == 0 || map_.dims.empty() || map_.dims.back().reduced ||
        column_chunks(map_) > 1)
      return false;
    for (NodeImpl* n : map_.g.reduces) {
      const DType dtype = compute_dtype(n->aval.dtype);
      end_.sums.push_back(map_.kernel.add_reg("sum", dtype));
      bind(n, map_.pool().read(end_.sums.back(), dtype));
    }
    for (std::size_t k = 1; k < chain_.stages.size(); ++k) {
      for (NodeImpl* n : chain_.stages[k].map.stores) {
        const Expr value = map_.lower.value(n, map_.domain.kept_index(n));
        bind(n, value);
      }
    }
    return is_local_;
  }

  std::vector<std::pair<const NodeImpl*, Layout>> results() const {
    std::vector<std::pair<const NodeImpl*, Layout>> all;
    for (const auto& store : end_.stores)
      all.emplace_back(store.node, layout_without(map_.order, map_.domain.reduced));
    return all;
  }
  void emit() {
    emit_column_chain(map_, end_);
    LaunchPlan& l = map_.b.plan.launches.back();
    l.how = fmt::format("chain of {} stages, {}", chain_.stages.size(), l.how);
  }

 private:
  // Of a column's own place.
  void bind(NodeImpl* n, Expr value) {
    if (std::ranges::find(chain_.visible, n) != chain_.visible.end())
      end_.stores.push_back({n, value});
    const Index own = map_.domain.kept_index(n);
    map_.lower.bind(n, [this, own, value](const Index& at) {
      is_local_ = is_local_ && at == own;
      return value;
    });
    map_.lower.forget();
  }

  const RowChain chain_;
  MapKernel map_;
  ColumnEnd end_;
  bool is_local_ = true;
};

}  // namespace

std::vector<Choice> column_chain_ways(Builder& b, const RowChain& g) {
  const Map& first = g.stages[0].map;
  if (first.reduces.empty() || !first.stores.empty()) return {};
  for (std::size_t k = 1; k < g.stages.size(); ++k) {
    const Map& m = g.stages[k].map;
    if (!m.reduces.empty() || m.domain == first.domain) return {};
    // What follows the sums has an element a column.
    const Shape& columns = first.reduces[0]->aval.shape;
    if (std::ranges::any_of(m.stores, [&](const auto* n) { return n->aval.shape != columns; }))
      return {};
  }
  // An element of each thread and reduction lies in shared memory.
  if (std::ssize(first.reduces) * 8 * b.target.gpu->threads > b.target.gpu->shared_bytes) return {};
  const auto chain = std::make_shared<ColumnChain>(b, g);
  if (!chain->prepare()) return {};
  return {{fmt::format("chain of {} stages over columns", g.stages.size()), 0, chain->results(),
           [chain] { chain->emit(); }}};
}

}  // namespace lilith::schedule::gpu
