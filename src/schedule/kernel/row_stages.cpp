#include "schedule/kernel/row_stages.h"

namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;

namespace {

// What the stages that reduce walk over: all the same.
MapDomain domain_of(kir::Pool& pool, const RowChain& chain) {
  const auto stage = std::find_if(chain.stages.rbegin(), chain.stages.rend(),
                                  [](const auto& s) { return !s.map.reduces.empty(); });
  return {pool, stage->map.domain, reduced_axes(stage->map)};
}

}  // namespace

RowStages::RowStages(Builder& b, const RowChain& chain, kir::Space scratch)
    : b_(b),
      chain_(chain),
      lower_(b.lowerer(kernel_)),
      domain_(domain_of(pool(), chain)),
      scratch_space_(scratch) {
  kernel_.name = "rows";
}

bool has_rows(const RowChain& chain) {
  return std::ranges::any_of(chain.stages, [](const auto& s) { return !s.map.reduces.empty(); });
}

std::int64_t RowStages::row_elements() const {
  std::int64_t n = 1;
  for (int d = 0; d < domain_.shape.rank(); ++d) {
    if (domain_.reduced[static_cast<std::size_t>(d)]) n *= domain_.shape[d];
  }
  return n;
}

bool RowStages::same_row(const Index& at) const {
  const auto& [shape, reduced, index] = domain_;
  const bool all = at.size() == index.size();
  std::size_t k = 0;
  for (std::size_t d = 0; d < index.size(); ++d) {
    if (!reduced[d] && at[all ? d : k] != index[d]) return false;
    k += reduced[d] ? 0 : 1;
  }
  return true;
}

Expr RowStages::place_in_row(const Index& at) {
  Expr place = pool().integer(0);
  std::int64_t stride = 1;
  for (auto d = order_.rbegin(); d != order_.rend(); ++d) {
    if (!domain_.reduced[static_cast<std::size_t>(*d)]) continue;
    place = place + at[static_cast<std::size_t>(*d)] * pool().integer(stride);
    stride *= domain_.shape[*d];
  }
  return place;
}

void RowStages::bind_row(NodeImpl* n, bool draft) {
  const DType dtype = compute_dtype(n->aval.dtype);
  if (!draft && is_visible(n)) {
    lower_.bind(n, [this, n, dtype](const Index& at, Expr guard) {
      const int buffer = b_.buffer(n);
      return lower_.load(buffer, lower_.address(buffer, at), dtype, guard);
    });
    return;
  }
  const kir::BufferId id = kernel_.add_buffer("row", dtype, row_elements(), scratch_space_);
  scratch_[n] = id;
  lower_.bind(n, [this, id, dtype](const Index& at, Expr guard) {
    row_local_ = row_local_ && same_row(at);
    return pool().load(id, dtype, place_in_row(at), guard);
  });
}

void RowStages::bind_scalar(NodeImpl* n, kir::RegId reg) {
  const DType dtype = compute_dtype(n->aval.dtype);
  lower_.bind(n, [this, reg, dtype](const Index& at) {
    row_local_ = row_local_ && same_row(at);
    return pool().read(reg, dtype);
  });
}

std::vector<std::pair<const NodeImpl*, Layout>> RowStages::results(
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

bool RowStages::lower_stages(bool draft) {
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

std::vector<Access> RowStages::loads() const {
  std::vector<Expr> roots;
  for (const Stage& s : stages_) roots.insert(roots.end(), s.values.begin(), s.values.end());
  return loads_of(roots, kernel_);
}

std::int64_t RowStages::bytes_read(bool scratch_alone) const {
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
    const bool scratch = d.space == scratch_space_ && (scratch_alone || readers[k] > 0);
    const bool again = readers[k] > 1 && d.size >= domain_.shape.numel() && !scratch_alone;
    if (scratch || again) bytes += row_elements() * static_cast<std::int64_t>(size_of(d.dtype));
  }
  return bytes;
}

std::int64_t RowStages::scratch_bytes() const { return bytes_read(true); }
std::int64_t RowStages::kept_bytes() const { return bytes_read(false); }

std::vector<int> RowStages::wanted_order(std::vector<Access>* accesses) {
  const auto& [shape, reduced, index] = domain_;
  *accesses = loads();
  std::erase_if(*accesses, [&](const Access& a) {
    return kernel_.buffers[static_cast<std::size_t>(a.buffer)].space == scratch_space_;
  });
  for (const NodeImpl* n : chain_.visible) {
    if (!over_rows(n) || !b_.dataflow.is_output(n)) continue;
    accesses->push_back({place_of(pool(), index, Layout::row_major(shape.rank()), shape),
                         static_cast<double>(n->aval.bytes())});
  }
  return choose_order(index, shape, *accesses);
}

void RowStages::make_loops() {
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

kir::Stmt RowStages::store(NodeImpl* n, const Index& at, Expr value) {
  if (!is_visible(n)) return kir::Store{scratch_.at(n), place_in_row(at), value, {}};
  return lower_.store(b_.buffer(n), at, value);
}

void RowStages::launch(std::string how) {
  double cost = 0;
  for (const RowChain::Stage& s : chain_.stages) cost += flops_of(s.map);
  b_.launch(std::move(kernel_), lower_, chain_.visible, std::move(how), cost);
}

}  // namespace lilith::schedule
