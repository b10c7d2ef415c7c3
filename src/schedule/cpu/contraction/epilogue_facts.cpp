#include "schedule/cpu/contraction/epilogue_facts.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "schedule/kernel/strided_view.h"
#include "schedule/kernel/turned.h"

namespace lilith::schedule {

using ir::NodeImpl;

void visit_epilogue(const Builder& b, const Product& g,
                    const std::function<void(const NodeImpl*, bool made_here)>& visit) {
  std::vector<const NodeImpl*> seen{g.core};
  const std::function<void(const NodeImpl*)> walk = [&](const NodeImpl* n) {
    if (std::find(seen.begin(), seen.end(), n) != seen.end()) return;
    seen.push_back(n);
    const bool made_here = std::find(g.stores.begin(), g.stores.end(), n) != g.stores.end();
    visit(n, made_here);
    if (!made_here && b.buffer(n) >= 0) return;
    for (const NodeImpl* in : n->inputs) walk(in);
  };
  for (const NodeImpl* n : g.stores) walk(n);
}

namespace {

// Whether it is row-major whatever is chosen (an output, what a loop reads), or read by nothing but
// maps that write outputs: a map gathers what the product does not scatter.
bool goes_out(const Dataflow& dataflow, const NodeImpl* n) {
  const auto users = dataflow.users(n);
  return dataflow.is_row_major(n) ||
         (!users.empty() && std::all_of(users.begin(), users.end(), [&](const NodeImpl* user) {
           return dataflow.is_output(user) &&
                  (user->op->cls == OpClass::View || user->op->cls == OpClass::Elementwise);
         }));
}

// Which dimension of a value its readers walk along, where one looks at it by way of a view for
// what is no product: those pack what they read.
std::optional<int> walked_by_views(const Dataflow& dataflow, const NodeImpl* n) {
  for (NodeImpl* user : dataflow.users(n)) {
    const auto readers = dataflow.users(user);
    if (user->op->cls != OpClass::View || user->aval.shape.rank() == 0 ||
        std::any_of(readers.begin(), readers.end(),
                    [](const NodeImpl* reader) { return reader->op->cls == OpClass::Contraction; }))
      continue;
    const StridedView view = strided_view(user);
    if (view.base != n) continue;
    for (int d = 0; d < n->aval.shape.rank(); ++d) {
      if (std::abs(view.coefficient[static_cast<std::size_t>(d)].back()) == 1) return d;
    }
  }
  return {};
}

Layout with_innermost(Layout layout, int dim) {
  std::erase(layout.order, dim);
  layout.order.push_back(dim);
  return layout;
}

}  // namespace

void mark_strided(const Builder& b, const Product& g, ContractionSpec* spec) {
  if (g.pool != nullptr) return;
  // Of a product that stores its transposition: the order of its dimensions there.
  const auto turned = [&](const NodeImpl* n) {
    const auto it = std::find(g.stores.begin(), g.stores.end(), n);
    return it == g.stores.end() ? std::vector<int>{} : turned_order(*it);
  };
  const auto mark = [&](const NodeImpl* n, const Layout& layout) {
    const std::vector<int> order = turned(n);
    if (order.empty() && n->aval.shape != g.domain) return;
    auto strides = layout.strides(n->aval.shape);
    const auto own = strides;
    for (std::size_t v = 0; v < order.size(); ++v)
      strides[static_cast<std::size_t>(order[v])] = own[v];
    for (Axis& x : spec->axes) {
      if (x.summed()) continue;
      const std::int64_t apart = strides[static_cast<std::size_t>(x.out_dim)] * x.out_step;
      if (apart == 1) continue;
      ++x.strided;
      x.apart = std::max(x.apart, apart);
    }
  };
  const Layout row_major = Layout::row_major(g.domain.rank());
  if (b.dataflow.is_row_major(g.core)) mark(g.core, row_major);
  spec->fixed_layout =
      std::ranges::all_of(g.stores, [&](const NodeImpl* n) { return goes_out(b.dataflow, n); });
  spec->in_rows = spec->fixed_layout && std::ranges::all_of(g.stores, [](NodeImpl* n) {
                    return turned_order(n).empty();
                  });
  visit_epilogue(b, g, [&](const NodeImpl* n, bool made_here) {
    if (made_here && goes_out(b.dataflow, n)) {
      mark(n, row_major);
    } else if (made_here) {
      if (const auto dim = walked_by_views(b.dataflow, n)) mark(n, with_innermost(row_major, *dim));
    }
    if (!made_here && b.buffer(n) >= 0)
      mark(n, b.plan.buffers[static_cast<std::size_t>(b.buffer(n))].layout);
  });
}

int epilogue_cost(const Builder& b, const Product& g) {
  int cost = 0;
  visit_epilogue(b, g, [&](const NodeImpl* n, bool made_here) {
    if (!n->is_leaf() && (made_here || b.buffer(n) < 0)) cost += n->op->cost + (made_here ? 2 : 0);
  });
  return cost;
}

}  // namespace lilith::schedule
