#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "schedule/cpu/backend.h"
#include "schedule/cpu/tasks.h"
#include "schedule/kernel/row_stages.h"

// Maps that depend on each other row by row, in one kernel with the row in cache:
//
//   parallel row {
//     decl m; for r { m max= x[row, r] }
//     decl s; for r { e = exp(x[row, r] - m); scratch[r] = e; s += e }
//     for r { y[row, r] = scratch[r] / s } }
//
// Memory traffic: each input and each visible result once.
namespace lilith::schedule {

using kir::LoopKind;

namespace {

constexpr int kMinRow = 8;  // a shorter innermost loop leaves most lanes idle

class RowsBuilder : public RowStages {
 public:
  RowsBuilder(Builder& b, const RowChain& chain) : RowStages(b, chain, kir::Space::Thread) {}
  /// The order of the domain's dimensions to build with; nothing when a stage reads another row, or
  /// rows do not suit. Adds nothing to the plan.
  std::optional<std::vector<int>> find_order();
  /// Adds the kernel, once the results have their buffers.
  void build(std::vector<int> order);

 private:
  // Short rows follow each other faster stage by stage, unless there are few.
  bool leaves_lanes_idle() const {
    const std::int64_t row = row_elements(), all = domain_.shape.numel();
    return (row < kMinRow && all >= kMinTask) ||
           (row <= b_.target.lanes(DType::F32) && all >= 4 * kMinTask);
  }
  bool crosses_rows(const std::vector<Access>& accesses, Expr innermost) const;
  void emit_stage(std::size_t k, Block* row);
};

// Whether what lies across the rows is fetched a line for each element, and the lines are gone
// before the next row reads theirs.
bool RowsBuilder::crosses_rows(const std::vector<Access>& accesses, Expr innermost) const {
  if (row_elements() * kLine <= b_.target.l2_bytes / 4) return false;
  return std::any_of(accesses.begin(), accesses.end(), [&](const Access& a) {
    const double step = std::abs(step_of(a.address, innermost));
    return a.bytes >= static_cast<double>(b_.target.l2_bytes) && step * 4 >= kLine;
  });
}

std::optional<std::vector<int>> RowsBuilder::find_order() {
  for (int d = 0; d < domain_.shape.rank(); ++d) order_.push_back(d);
  if (!lower_stages(true)) return {};
  if (kept_bytes() > b_.target.l2_bytes / 4 || leaves_lanes_idle()) return {};
  std::vector<Access> accesses;
  std::vector<int> order = wanted_order(&accesses);
  const std::vector<LoopDim> dims = domain_.loops(order);
  if (!dims.empty() && (!dims.back().reduced || crosses_rows(accesses, dims.back().var))) return {};
  return order;
}

void RowsBuilder::emit_stage(std::size_t k, Block* row) {
  const Stage& s = stages_[k];
  const Map& g = *s.map;
  if (g.domain != domain_.shape) {
    for (std::size_t i = 0; i < g.stores.size(); ++i) {
      NodeImpl* n = g.stores[i];
      row->push_back(kir::DeclReg{s.scalars[i], s.values[i]});
      const DType dtype = compute_dtype(n->aval.dtype);
      if (is_visible(n))
        row->push_back(store(n, domain_.kept_index(n), pool().read(s.scalars[i], dtype)));
    }
    return;
  }
  Block body;
  for (std::size_t i = 0; i < g.stores.size(); ++i)
    body.push_back(store(g.stores[i], domain_.index, s.values[i]));
  for (std::size_t i = 0; i < g.reduces.size(); ++i) {
    const Accumulator& a = s.accumulators[i];
    row->push_back(kir::DeclReg{a.reg, a.init});
    body.push_back(kir::Accumulate{a.reg, {}, a.combine, s.values[g.stores.size() + i], {}, {}});
  }
  append(row, nest(row_, std::move(body), LoopKind::Vector));
  for (std::size_t i = 0; i < g.reduces.size(); ++i) {
    const Accumulator& a = s.accumulators[i];
    NodeImpl* n = g.reduces[i];
    if (is_visible(n)) row->push_back(store(n, domain_.kept_index(n), pool().read(a.reg, a.dtype)));
  }
}

void RowsBuilder::build(std::vector<int> order) {
  order_ = std::move(order);
  lower_stages(false);
  const std::int64_t kept = kept_bytes();
  make_loops();
  Block row;
  for (std::size_t k = 0; k < stages_.size(); ++k) emit_stage(k, &row);
  const std::int64_t rows = extent_of(kept_);
  const Expr task = pool().var(rows, "row");
  std::vector<Expr> by;
  if (!kept_.empty()) split_index(task, kept_, &by);
  substitute(&row, by);
  kernel_.body.push_back(tasks_loop(task, std::move(row), domain_.shape.numel()));
  launch(fmt::format("chain of {} stages, {} rows of {}, {} bytes a row kept", chain_.stages.size(),
                     rows, row_elements(), kept));
}

}  // namespace

std::vector<Choice> row_chain_ways(Builder& b, const RowChain& g) {
  if (!has_rows(g)) return {};
  const auto order = RowsBuilder(b, g).find_order();
  if (!order) return {};
  const auto rows = std::make_shared<RowsBuilder>(b, g);
  return {{fmt::format("chain of {} stages", g.stages.size()), 0, rows->results(*order),
           [rows, order] { rows->build(*order); }}};
}

}  // namespace lilith::schedule
