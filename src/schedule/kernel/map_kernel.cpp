#include "schedule/kernel/map_kernel.h"

#include "schedule/kernel/loop_order.h"

namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;

MapKernel::MapKernel(Builder& builder, const Map& map)
    : b(builder),
      g(map),
      lower(builder.lowerer(kernel)),
      domain(*kernel.pool, map.domain, reduced_axes(map)) {
  kernel.name = "map";
  for (NodeImpl* n : g.stores) values.push_back(lower.value(n, domain.index));
  for (NodeImpl* n : g.reduces) values.push_back(lower.value(n->inputs[0], domain.index));
  make_loops();
}

// Orders the dimensions, then merges neighbours that every access walks as one.
void MapKernel::make_loops() {
  std::vector<Access> accesses = loads_of(values, kernel);
  for (const NodeImpl* n : g.stores) {
    if (!b.dataflow.is_row_major(n)) continue;
    accesses.push_back({place_of(pool(), domain.index, layout_of(n), g.domain),
                        static_cast<double>(n->aval.bytes())});
  }
  order = choose_order(domain.index, g.domain, accesses);
  for (const NodeImpl* n : g.stores)
    accesses.push_back({place_of(pool(), domain.index, layout_of(n), g.domain), 0});
  // Beside a reduction kept dimensions stay apart, so that its result can be addressed.
  const DomainLoops loops =
      merge_loops(pool(), domain.loops(order), accesses, pinned_vars(values), g.reduces.empty());
  dims = loops.dims;
  replace_vars(loops.by);
}

Layout MapKernel::layout_of(const NodeImpl* store) const {
  return b.dataflow.is_row_major(store) ? Layout::row_major(g.domain.rank()) : Layout{order};
}

// A reduction's result keeps the order of the dimensions that stay.
std::vector<std::pair<const NodeImpl*, Layout>> MapKernel::results() const {
  std::vector<std::pair<const NodeImpl*, Layout>> all;
  for (const NodeImpl* n : g.stores) all.emplace_back(n, Layout{order});
  for (const NodeImpl* n : g.reduces) all.emplace_back(n, layout_without(order, domain.reduced));
  return all;
}

std::vector<LoopDim> MapKernel::loops(bool reduced) const {
  std::vector<LoopDim> some;
  for (const LoopDim& d : dims) {
    if (d.reduced == reduced) some.push_back(d);
  }
  return some;
}

void MapKernel::replace_vars(const std::vector<Expr>& by) {
  for (Expr& v : values) v = kir::substitute(v, by);
  for (Expr& i : domain.index) i = kir::substitute(i, by);
}

Block MapKernel::stores(const std::vector<Expr>& by) {
  Block body;
  for (std::size_t k = 0; k < g.stores.size(); ++k)
    body.push_back(lower.store(b.buffer(g.stores[k]), domain.index, values[k]));
  substitute(&body, by);
  return body;
}

Expr MapKernel::reduced_value(std::size_t k, const std::vector<Expr>& by) const {
  return kir::substitute(values[g.stores.size() + k], by);
}

kir::Stmt MapKernel::store_result(std::size_t k, Expr value, const std::vector<Expr>& by) {
  const int buffer = b.buffer(g.reduces[k]);
  const Expr place = kir::substitute(lower.address(buffer, domain.kept_index(g.reduces[k])), by);
  return kir::Store{lower.written_param(buffer), place, value, {}};
}

void MapKernel::launch(std::string how, const Nodes& results) {
  b.launch(std::move(kernel), lower, results, std::move(how), flops_of(g));
}

}  // namespace lilith::schedule
