#include "schedule/kernel/epilogue.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

// The group's own buffers exist already: hidden, so that the value is computed and not loaded.
kir::Expr compute_inline(Builder& b, const Product& g, Lowerer* lower, NodeImpl* n,
                         const Index& index) {
  std::vector<std::pair<NodeImpl*, int>> hidden;
  for (NodeImpl* s : g.stores) {
    hidden.emplace_back(s, b.buffer(s));
    b.buffer_of.erase(s);
  }
  const kir::Expr value = lower->value(n, index);
  for (const auto& [node, buffer] : hidden) b.buffer_of[node] = buffer;
  return value;
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
  kir::Block body;
  for (NodeImpl* n : g.stores) {
    const kir::Expr value = n == g.core ? core(index) : compute_inline(b, g, lower, n, index);
    body.push_back(lower->store(b.buffer(n), index, value));
  }
  lower->unbind(g.core);
  return body;
}

}  // namespace lilith::schedule
