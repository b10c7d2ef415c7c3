#include "schedule/kernel/epilogue.h"

#include "schedule/kernel/border.h"
#include "schedule/kernel/turned.h"

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
    const bool has_border = adds_border(n);
    const std::vector<int> turned = has_border ? std::vector<int>{} : turned_order(n);
    ir::NodeImpl* inside = has_border || !turned.empty() ? n->inputs[0] : n;
    const kir::Expr value = inside == g.core ? core(index) : lower->value(inside, index);
    const Index at = has_border        ? inside_border(n, index)
                     : !turned.empty() ? turned_index(turned, index)
                                       : index;
    body.push_back(lower->store(b.buffer(n), at, value));
  }
  lower->compute_in_place({});
  lower->unbind(g.core);
  return body;
}

}  // namespace lilith::schedule
