#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "kernel_ir/walk.h"
#include "schedule/gpu/backend.h"
#include "schedule/gpu/blocks.h"
#include "schedule/gpu/map/map.h"
#include "schedule/kernel/row_stages.h"

// Maps that depend on each other row by row: a block has a row, which its threads keep in shared
// memory from stage to stage.
//
//   grid row {
//     decl m; thread t { for k { m max= x[row, r] } }                  r = k * threads + t
//     decl s; thread t { for k { e = exp(x[row, r] - m); shared[r] = e; s += e } }; barrier
//     thread t { for k { y[row, r] = shared[r] / s } } }
namespace lilith::schedule::gpu {

using kir::LoopKind;

namespace {

class RowsOfBlocks : public RowStages {
 public:
  RowsOfBlocks(Builder& b, const RowChain& chain) : RowStages(b, chain, kir::Space::Shared) {}
  /// The order of the domain's dimensions to build with; nothing when a stage reads another row, or
  /// a row does not fit. Adds nothing to the plan.
  std::optional<std::vector<int>> find_order();
  /// Adds the kernel, once the results have their buffers.
  void build(std::vector<int> order);

 private:
  bool is_read(kir::RegId scalar) const;
  void emit_scalars(const Stage& s, Block* row);
  void emit_elements(const Stage& s, Block* row);

  std::int64_t threads_ = 1;
};

std::optional<std::vector<int>> RowsOfBlocks::find_order() {
  for (int d = 0; d < domain_.shape.rank(); ++d) order_.push_back(d);
  if (domain_.shape.numel() == 0 || !lower_stages(true)) return {};
  // Lanes whose sums are combined need room too: an array of two types (codegen/c/lane_sums.h).
  const std::int64_t lanes = 2 * 8 * std::int64_t{b_.target.gpu->threads};
  if (scratch_bytes() + lanes > b_.target.gpu->shared_bytes) return {};
  std::vector<Access> accesses;
  std::vector<int> order = wanted_order(&accesses);
  const std::vector<LoopDim> dims = domain_.loops(order);
  if (!dims.empty() && !dims.back().reduced) return {};
  return order;
}

// A later stage reads the scalar.
bool RowsOfBlocks::is_read(kir::RegId scalar) const {
  bool found = false;
  for (const Stage& s : stages_) {
    for (const Expr& value : s.values) {
      kir::for_each_below(
          value, [&](Expr x) { found = found || (x->op == kir::Op::RegRead && x->i == scalar); });
    }
  }
  return found;
}

// Of the kept shape: one value a row, the same for all threads. What is stored alone is one
// thread's, which may then update it in place.
void RowsOfBlocks::emit_scalars(const Stage& s, Block* row) {
  Block visible;
  for (std::size_t i = 0; i < s.map->stores.size(); ++i) {
    NodeImpl* n = s.map->stores[i];
    Expr value = s.values[i];
    if (is_read(s.scalars[i])) {
      row->push_back(kir::DeclReg{s.scalars[i], value});
      value = pool().read(s.scalars[i], compute_dtype(n->aval.dtype));
    }
    if (is_visible(n)) visible.push_back(store(n, domain_.kept_index(n), value));
  }
  if (!visible.empty()) append(row, one_thread(pool(), std::move(visible)));
}

void RowsOfBlocks::emit_elements(const Stage& s, Block* row) {
  const Map& g = *s.map;
  Block body, visible;
  for (std::size_t i = 0; i < g.stores.size(); ++i)
    body.push_back(store(g.stores[i], domain_.index, s.values[i]));
  for (std::size_t i = 0; i < g.reduces.size(); ++i) {
    const Accumulator& a = s.accumulators[i];
    NodeImpl* n = g.reduces[i];
    row->push_back(kir::DeclReg{a.reg, a.init});
    body.push_back(kir::Accumulate{a.reg, {}, a.combine, s.values[g.stores.size() + i], {}, {}});
    if (is_visible(n))
      visible.push_back(store(n, domain_.kept_index(n), pool().read(a.reg, a.dtype)));
  }
  const std::int64_t n = row_elements(), steps = divide_up(n, threads_);
  const Expr t = pool().var(threads_, "t"), k = loop_var(pool(), steps, "k");
  const Expr element = k * pool().integer(threads_) + t;
  std::vector<Expr> by;
  split_index(element, row_, &by);
  substitute(&body, by);
  if (n % threads_ != 0) body = only_where(kir::lt(element, pool().integer(n)), std::move(body));
  append(row, threads_loop(t, in_loop(k, LoopKind::Serial, std::move(body))));
  if (!visible.empty()) append(row, one_thread(pool(), std::move(visible)));
}

void RowsOfBlocks::build(std::vector<int> order) {
  order_ = std::move(order);
  lower_stages(false);
  make_loops();
  threads_ = std::min<std::int64_t>(b_.target.gpu->threads, power_of_two(row_elements()));
  std::vector<Block> steps;
  for (const Stage& s : stages_) {
    const bool elements = s.map->domain == domain_.shape;
    steps.emplace_back();
    elements ? emit_elements(s, &steps.back()) : emit_scalars(s, &steps.back());
  }
  Block row = in_steps(std::move(steps));
  const std::int64_t rows = extent_of(kept_);
  const Expr block = pool().var(rows, "block");
  std::vector<Expr> by;
  if (!kept_.empty()) split_index(block, kept_, &by);
  substitute(&row, by);
  make_grid(&kernel_, block, threads_, std::move(row));
  launch(fmt::format("chain of {} stages, {} rows of {}, {} threads a row", chain_.stages.size(),
                     rows, row_elements(), threads_));
}

}  // namespace

std::vector<Choice> row_chain_ways(Builder& b, const RowChain& g) {
  if (!has_rows(g)) return {};
  const auto order = RowsOfBlocks(b, g).find_order();
  if (!order) return column_chain_ways(b, g);
  const auto rows = std::make_shared<RowsOfBlocks>(b, g);
  return {{fmt::format("chain of {} stages", g.stages.size()), 0, rows->results(*order),
           [rows, order] { rows->build(*order); }}};
}

}  // namespace lilith::schedule::gpu
