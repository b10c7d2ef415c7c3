#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "schedule/cpu/backend.h"
#include "schedule/cpu/loop_order.h"
#include "schedule/cpu/map/map_domain.h"
#include "schedule/cpu/tasks.h"
#include "schedule/kernel/reduction.h"

// Maps that depend on each other row by row, in one kernel with the row in cache:
//
//   parallel row {
//     decl m; for r { m max= x[row, r] }
//     decl s; for r { e = exp(x[row, r] - m); scratch[r] = e; s += e }
//     for r { y[row, r] = scratch[r] / s } }
//
// Memory traffic: each input and each visible result once. What a stage stores is never computed
// again by a later one: the exponential of a difference that was rounded otherwise may overflow.
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr int kMinRow = 8;  // a shorter innermost loop leaves most lanes idle

class RowsBuilder {
 public:
  RowsBuilder(Builder& b, const RowChain& chain);
  /// The order of the domain's dimensions to build with; nothing when a stage reads another row, or
  /// rows do not suit. Adds nothing to the plan.
  std::optional<std::vector<int>> find_order();
  std::vector<std::pair<const NodeImpl*, Layout>> results(const std::vector<int>& order) const;
  /// Adds the kernel, once the results have their buffers.
  void build(std::vector<int> order);

 private:
  kir::Pool& pool() { return *kernel_.pool; }
  bool over_rows(const NodeImpl* n) const { return n->aval.shape == domain_.shape; }
  bool is_visible(const NodeImpl* n) const {
    const auto& all = chain_.visible;
    return std::find(all.begin(), all.end(), n) != all.end();
  }
  std::int64_t row_elements() const;

  // Short rows follow each other faster stage by stage, unless there are few.
  bool leaves_lanes_idle() const {
    const std::int64_t row = row_elements(), all = domain_.shape.numel();
    return (row < kMinRow && all >= kMinTask) ||
           (row <= b_.target.lanes(DType::F32) && all >= 4 * kMinTask);
  }
  bool lower_stages(bool draft);
  void bind_row(NodeImpl* n, bool draft);
  void bind_scalar(NodeImpl* n, kir::RegId reg);
  bool same_row(const Index& at) const;
  Expr place_in_row(const Index& at);

  bool crosses_rows(const std::vector<Access>& accesses, Expr innermost) const;
  std::vector<Access> loads() const;
  std::int64_t kept_bytes() const;
  void make_loops();
  kir::Stmt store(NodeImpl* n, const Index& at, Expr value);
  void emit_stage(std::size_t k, Block* row);

  // A stage's values: what it stores, then what it reduces; and where they go.
  struct Stage {
    const Map* map;
    std::vector<Expr> values;
    std::vector<kir::RegId> scalars;  // of the stores, where they are of the kept shape
    std::vector<Accumulator> accumulators;
  };

  Builder& b_;
  const RowChain chain_;
  std::vector<int> order_;
  kir::Kernel kernel_;
  Lowerer lower_;
  MapDomain domain_;
  std::vector<Stage> stages_;
  std::unordered_map<const NodeImpl*, kir::BufferId> scratch_;
  std::vector<LoopDim> kept_, row_;
  bool row_local_ = true;
};

// What the stages that reduce walk over: all the same.
MapDomain domain_of(kir::Pool& pool, const RowChain& chain) {
  const auto stage = std::find_if(chain.stages.rbegin(), chain.stages.rend(),
                                  [](const auto& s) { return !s.map.reduces.empty(); });
  return {pool, stage->map.domain, reduced_axes(stage->map)};
}

RowsBuilder::RowsBuilder(Builder& b, const RowChain& chain)
    : b_(b), chain_(chain), lower_(b.lowerer(kernel_)), domain_(domain_of(pool(), chain)) {
  kernel_.name = "rows";
}

std::int64_t RowsBuilder::row_elements() const {
  std::int64_t n = 1;
  for (int d = 0; d < domain_.shape.rank(); ++d) {
    if (domain_.reduced[static_cast<std::size_t>(d)]) n *= domain_.shape[d];
  }
  return n;
}

// ---- Values ----

bool RowsBuilder::same_row(const Index& at) const {
  const auto& [shape, reduced, index] = domain_;
  const bool all = at.size() == index.size();
  std::size_t k = 0;
  for (std::size_t d = 0; d < index.size(); ++d) {
    if (!reduced[d] && at[all ? d : k] != index[d]) return false;
    k += reduced[d] ? 0 : 1;
  }
  return true;
}

Expr RowsBuilder::place_in_row(const Index& at) {
  Expr place = pool().integer(0);
  std::int64_t stride = 1;
  for (auto d = order_.rbegin(); d != order_.rend(); ++d) {
    if (!domain_.reduced[static_cast<std::size_t>(*d)]) continue;
    place = place + at[static_cast<std::size_t>(*d)] * pool().integer(stride);
    stride *= domain_.shape[*d];
  }
  return place;
}

void RowsBuilder::bind_row(NodeImpl* n, bool draft) {
  const DType dtype = compute_dtype(n->aval.dtype);
  if (!draft && is_visible(n)) {
    lower_.bind(n, [this, n, dtype](const Index& at, Expr guard) {
      const int buffer = b_.buffer(n);
      return lower_.load(buffer, lower_.address(buffer, at), dtype, guard);
    });
    return;
  }
  const kir::BufferId id = kernel_.add_buffer("row", dtype, row_elements(), kir::Space::Thread);
  scratch_[n] = id;
  lower_.bind(n, [this, id, dtype](const Index& at, Expr guard) {
    row_local_ = row_local_ && same_row(at);
    return pool().load(id, dtype, place_in_row(at), guard);
  });
}

void RowsBuilder::bind_scalar(NodeImpl* n, kir::RegId reg) {
  const DType dtype = compute_dtype(n->aval.dtype);
  lower_.bind(n, [this, reg, dtype](const Index& at) {
    row_local_ = row_local_ && same_row(at);
    return pool().read(reg, dtype);
  });
}

std::vector<std::pair<const NodeImpl*, Layout>> RowsBuilder::results(
    const std::vector<int>& order) const {
  const Layout kept = layout_without(order, domain_.reduced);
  std::vector<std::pair<const NodeImpl*, Layout>> all;
  for (const RowChain::Stage& s : chain_.stages) {
    for (const NodeImpl* n : s.map.results()) {
      if (!is_visible(n)) continue;
      all.emplace_back(n, n->aval.shape.rank() == domain_.shape.rank() ? Layout{order} : kept);
    }
  }
  return all;
}

bool RowsBuilder::lower_stages(bool draft) {
  for (const auto& [g, reads] : chain_.stages) {
    const bool rows = g.domain == domain_.shape;
    Stage s{&g, {}, {}, {}};
    for (NodeImpl* n : g.stores)
      s.values.push_back(lower_.value(n, rows ? domain_.index : domain_.kept_index(n)));
    for (NodeImpl* n : g.reduces) s.values.push_back(lower_.value(n->inputs[0], domain_.index));
    if (!row_local_) return false;
    for (NodeImpl* n : g.stores) {
      if (rows) {
        bind_row(n, draft);
      } else {
        s.scalars.push_back(kernel_.add_reg("scalar", compute_dtype(n->aval.dtype)));
        bind_scalar(n, s.scalars.back());
      }
    }
    for (NodeImpl* n : g.reduces) {
      s.accumulators.push_back(add_accumulator(kernel_, n, {}));
      bind_scalar(n, s.accumulators.back().reg);
    }
    lower_.forget();  // what was computed in place is read from now on
    stages_.push_back(std::move(s));
  }
  return true;
}

// ---- Whether and how ----

std::vector<Access> RowsBuilder::loads() const {
  std::vector<Expr> roots;
  for (const Stage& s : stages_) roots.insert(roots.end(), s.values.begin(), s.values.end());
  return loads_of(roots, kernel_);
}

// Bytes of one row that a stage leaves for a later one, and of inputs that several stages read.
std::int64_t RowsBuilder::kept_bytes() const {
  std::vector<int> readers(kernel_.buffers.size(), 0);
  for (const Stage& s : stages_) {
    std::vector<bool> seen(kernel_.buffers.size(), false);
    for (const Access& a : loads_of(s.values, kernel_)) {
      const auto id = static_cast<std::size_t>(a.buffer);
      readers[id] += seen[id] ? 0 : 1;
      seen[id] = true;
    }
  }
  std::int64_t bytes = 0;
  for (std::size_t k = 0; k < readers.size(); ++k) {
    const kir::BufferDecl& d = kernel_.buffers[k];
    const bool scratch = d.space == kir::Space::Thread && readers[k] > 0;
    if (scratch || (readers[k] > 1 && d.size >= domain_.shape.numel()))
      bytes += row_elements() * static_cast<std::int64_t>(size_of(d.dtype));
  }
  return bytes;
}

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
  const auto& [shape, reduced, index] = domain_;
  for (int d = 0; d < shape.rank(); ++d) order_.push_back(d);
  if (!lower_stages(true)) return {};
  if (kept_bytes() > b_.target.l2_bytes / 4 || leaves_lanes_idle()) return {};
  std::vector<Access> accesses = loads();
  std::erase_if(accesses, [&](const Access& a) {
    return kernel_.buffers[static_cast<std::size_t>(a.buffer)].space == kir::Space::Thread;
  });
  for (const NodeImpl* n : chain_.visible) {
    if (!over_rows(n) || !b_.dataflow.is_output(n)) continue;
    accesses.push_back({place_of(pool(), index, Layout::row_major(shape.rank()), shape),
                        static_cast<double>(n->aval.bytes())});
  }
  std::vector<int> order = choose_order(index, shape, accesses);
  const std::vector<LoopDim> dims = domain_.loops(order);
  if (!dims.empty() && (!dims.back().reduced || crosses_rows(accesses, dims.back().var))) return {};
  return order;
}

// ---- Statements ----

void RowsBuilder::make_loops() {
  std::vector<Access> accesses = loads();
  std::vector<Expr> all;
  for (const Stage& s : stages_) {
    all.insert(all.end(), s.values.begin(), s.values.end());
    for (const NodeImpl* n : s.map->stores) {
      if (!over_rows(n)) continue;
      const Index& at = domain_.index;
      accesses.push_back({is_visible(n) ? lower_.address(b_.buffer(n), at) : place_in_row(at)});
    }
  }
  DomainLoops loops = merge_loops(pool(), domain_.loops(order_), accesses, pinned_vars(all), false);
  for (const LoopDim& d : loops.dims) (d.reduced ? row_ : kept_).push_back(d);
  if (row_.empty()) row_.push_back({pool().var(1, "r"), 1, true});
  for (Stage& s : stages_) {
    for (Expr& v : s.values) v = kir::substitute(v, loops.by);
  }
  for (Expr& i : domain_.index) i = kir::substitute(i, loops.by);
}

kir::Stmt RowsBuilder::store(NodeImpl* n, const Index& at, Expr value) {
  if (!is_visible(n)) return kir::Store{scratch_.at(n), place_in_row(at), value, {}};
  return lower_.store(b_.buffer(n), at, value);
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
  double cost = 0;
  for (const RowChain::Stage& s : chain_.stages) cost += flops_of(s.map);
  b_.launch(std::move(kernel_), lower_, chain_.visible,
            fmt::format("chain of {} stages, {} rows of {}, {} bytes a row kept",
                        chain_.stages.size(), rows, row_elements(), kept),
            cost);
}

}  // namespace

std::vector<Choice> row_chain_ways(Builder& b, const RowChain& g) {
  if (std::all_of(g.stages.begin(), g.stages.end(),
                  [](const auto& s) { return s.map.reduces.empty(); }))
    return {};
  const auto order = RowsBuilder(b, g).find_order();
  if (!order) return {};
  const auto rows = std::make_shared<RowsBuilder>(b, g);
  return {{fmt::format("chain of {} stages", g.stages.size()), 0, rows->results(*order),
           [rows, order] { rows->build(*order); }}};
}

}  // namespace lilith::schedule
