#include "schedule/kernel/epilogue.h"

#include "schedule/kernel/border.h"
#include "schedule/kernel/turned.h"

namespace lilith::schedule {
namespace {

/// What is computed of a value that is stored, and where an element of it lies: the value itself,
/// or what it copies.
struct Stored {
  ir::NodeImpl* inside;
  Index at;
};
Stored stored(ir::NodeImpl* n, const Index& index) {
  if (adds_border(n)) return {n->inputs[0], inside_border(n, index)};
  const std::vector<int> turned = turned_order(n);
  if (turned.empty()) return {n, index};
  return {n->inputs[0], turned_index(turned, index)};
}

}  // namespace

kir::Block store_results(Builder& b, const Product& g, Lowerer* lower, const Index& index,
                         kir::Expr core) {
  return store_results(b, g, lower, index, [core](const Index&) { return core; });
}

kir::Block store_results(Builder& b, const Product& g, Lowerer* lower, const Index& index,
                         const std::function<kir::Expr(const Index&)>& core) {
  lower->forget();
  lower->bind(g.core, core);
  lower->compute_in_place(g.stores);
  kir::Block body;
  for (ir::NodeImpl* n : g.stores) {
    const auto [inside, at] = stored(n, index);
    const kir::Expr value = inside == g.core ? core(index) : lower->value(inside, index);
    body.push_back(lower->store(b.buffer(n), at, value));
  }
  lower->compute_in_place({});
  lower->unbind(g.core);
  return body;
}

}  // namespace lilith::schedule
