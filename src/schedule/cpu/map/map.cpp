#include <algorithm>
#include <memory>

#include "schedule/cpu/backend.h"
#include "schedule/cpu/map/builder.h"

// Kernels over one domain: pointwise stores and reductions over the same axes.
//
//   stores alone        parallel outer { vector inner { store… } }
//   row reduction       parallel kept { decl acc; for reduced { vector inner { acc += … } } store }
//   column reduction    parallel tile of kept { decl acc[tile];
//                         for reduced { vector c { acc[c] += … } } store }
//   few kept elements   the reduced axes are cut into chunks with partial results, one barrier on
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

MapBuilder::MapBuilder(Builder& b, const Map& g) : b_(b), g_(g), lower_(b.lowerer(kernel_)) {
  kernel_.name = "map";
  make_values();
  make_dims();
}

std::string MapBuilder::name() const {
  if (is_arg()) return "index of the best";
  if (g_.reduces.empty()) return "pointwise";
  return by_rows() ? "row reduction" : "column reduction";
}

void MapBuilder::build() {
  if (is_arg()) {
    build_arg();
  } else if (g_.reduces.empty()) {
    build_pointwise();
  } else if (by_rows()) {
    build_row();
  } else {
    build_column();
  }
  b_.launch(std::move(kernel_), lower_, g_.results(), how_, flops());
}

bool MapBuilder::is_arg() const { return !g_.reduces.empty() && is_arg_reduction(g_.reduces[0]); }

bool MapBuilder::reduced_axis(int d) const {
  if (g_.reduces.empty()) return false;
  const auto& axes = g_.reduces[0]->attrs.ints("axes");
  return std::find(axes.begin(), axes.end(), d) != axes.end();
}

double MapBuilder::flops() const {
  double cost = 0;
  for (NodeImpl* n : g_.results()) cost += n->op->cost;
  return cost * static_cast<double>(g_.domain.numel());
}

void MapBuilder::make_values() {
  for (int d = 0; d < g_.domain.rank(); ++d) {
    index_.push_back(loop_var(pool(), g_.domain[d], "i" + std::to_string(d)));
  }
  for (NodeImpl* n : g_.stores) values_.push_back(lower_.value(n, index_));
  for (NodeImpl* n : g_.reduces) values_.push_back(lower_.value(n->inputs[0], index_));
}

void MapBuilder::make_dims() {
  const Layout row_major = Layout::row_major(g_.domain.rank());
  std::vector<Access> accesses = loads_of(values_, kernel_);
  for (NodeImpl* n : g_.stores) {
    if (b_.dataflow.is_output(n)) {
      accesses.push_back(
          {place_of(pool(), index_, row_major, g_.domain), static_cast<double>(n->aval.bytes())});
    }
  }
  order_ = choose_order(index_, g_.domain, accesses);
  for (NodeImpl* n : g_.stores) {
    const Layout layout = b_.dataflow.is_output(n) ? row_major : Layout{order_};
    accesses.push_back({place_of(pool(), index_, layout, g_.domain), 0});
  }
  std::vector<LoopDim> ordered;
  for (const int d : order_) {
    if (g_.domain[d] != 1)
      ordered.push_back({index_[static_cast<std::size_t>(d)], g_.domain[d], reduced_axis(d)});
  }
  // Beside a reduction kept dimensions stay apart, so that its result can be addressed.
  const DomainLoops loops =
      merge_loops(pool(), ordered, accesses, pinned_vars(values_), g_.reduces.empty());
  dims_ = loops.dims;
  for (Expr& v : values_) v = kir::substitute(v, loops.by);
  for (Expr& i : index_) i = kir::substitute(i, loops.by);
}

std::vector<std::pair<const NodeImpl*, Layout>> MapBuilder::results() const {
  std::vector<std::pair<const NodeImpl*, Layout>> all;
  for (const NodeImpl* n : g_.stores) all.emplace_back(n, Layout{order_});
  for (const NodeImpl* n : g_.reduces) all.emplace_back(n, kept_layout());
  return all;
}

Layout MapBuilder::kept_layout() const {
  std::vector<bool> reduced;
  for (int d = 0; d < g_.domain.rank(); ++d) reduced.push_back(reduced_axis(d));
  return layout_without(order_, reduced);
}

Block MapBuilder::stores(const std::vector<Expr>& by) {
  Block body;
  for (std::size_t k = 0; k < g_.stores.size(); ++k)
    body.push_back(lower_.store(b_.buffer(g_.stores[k]), index_, values_[k]));
  substitute(&body, by);
  return body;
}

Expr MapBuilder::reduce_value(std::size_t k, const std::vector<Expr>& by) {
  return kir::substitute(values_[g_.stores.size() + k], by);
}

Index MapBuilder::kept_index() const {
  Index at;
  for (int d = 0; d < g_.domain.rank(); ++d) {
    if (!reduced_axis(d)) at.push_back(index_[static_cast<std::size_t>(d)]);
  }
  return at;
}

void MapBuilder::build_pointwise() {
  if (dims_.empty()) {
    kernel_.body = stores({});
    how_ = "scalar";
    return;
  }
  const LoopDim inner = dims_.back();
  std::vector<LoopDim> outer(dims_.begin(), dims_.end() - 1);
  const std::int64_t tasks = extent_of(outer), total = tasks * inner.extent;
  if (total == 0) {  // an empty output has memory and nothing to write
    how_ = "empty";
    return;
  }
  if (const Stretches s = find_stretches(); s.dim >= 0) return build_stretches(s);
  if (const Crossing c = find_crossing(); c.dim >= 0) return build_tiled(c);
  const int threads = total < kMinTask ? 1 : b_.target.threads;
  std::int64_t blocks = 1;
  if (tasks < 4 * threads)
    blocks = std::min<std::int64_t>(inner.extent / 512 + 1, (4 * threads + tasks - 1) / tasks);
  std::int64_t block = inner.extent;
  if (blocks > 1) {
    block = ((inner.extent + blocks - 1) / blocks + 63) / 64 * 64;
    blocks = (inner.extent + block - 1) / block;
  }
  emit_pointwise(outer, inner, tasks, blocks, block);
  how_ = fmt::format("pointwise {} loops, inner {}{}", dims_.size(), inner.extent,
                     blocks > 1 ? fmt::format(" in {} blocks", blocks) : "");
}

void MapBuilder::emit_pointwise(std::vector<LoopDim> outer, const LoopDim& inner,
                                std::int64_t tasks, std::int64_t blocks, std::int64_t block) {
  std::vector<Expr> by;
  if (tasks * blocks == 1) {
    kernel_.body.push_back(kir::make_for(inner.var, LoopKind::Vector, stores(by)));
    return;
  }
  Expr task = pool().var(tasks * blocks, "task");
  const Expr b = blocks == 1 ? pool().integer(0) : kir::floor_mod(task, blocks);
  if (!outer.empty()) split_index(blocks == 1 ? task : kir::floor_div(task, blocks), outer, &by);
  const auto nest = [&](std::int64_t extent) {
    const Expr v = extent == inner.extent ? inner.var : pool().var(extent, "v");
    std::vector<Expr> map = by;
    if (blocks > 1) set_var(&map, inner.var, b * pool().integer(block) + v);
    return kir::make_for(v, LoopKind::Vector, stores(map));
  };
  const std::int64_t last = inner.extent - (blocks - 1) * block;
  if (last == block) {
    kernel_.body.push_back(parallel_for(task, {nest(block)}));
  } else {
    kir::If branch{kir::lt(b, pool().integer(blocks - 1)),
                   std::make_shared<Block>(Block{nest(block)}),
                   std::make_shared<Block>(Block{nest(last)})};
    kernel_.body.push_back(parallel_for(task, {std::move(branch)}));
  }
}

std::vector<Choice> map_ways(Builder& b, const Map& g) {
  const auto map = std::make_shared<MapBuilder>(b, g);
  return {{map->name(), 0, map->results(), [map] { map->build(); }}};
}

}  // namespace lilith::schedule
