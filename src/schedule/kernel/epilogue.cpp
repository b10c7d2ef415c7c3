#include "schedule/kernel/epilogue.h"

namespace lilith::schedule {

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
    const kir::Expr value = n == g.core ? core(index) : lower->value(n, index);
    body.push_back(lower->store(b.buffer(n), index, value));
  }
  lower->compute_in_place({});
  lower->unbind(g.core);
  return body;
}

}  // namespace lilith::schedule
