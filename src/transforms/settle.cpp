#include "transforms/settle.h"

#include "ir/node.h"

namespace lilith::ir {
namespace {

struct Collect final : Visitor {
  std::vector<Tensor> pending;
  void parameter(Tensor& t) override {
    if (!t.defined()) return;
    if (t.node()->op == &constant_op())
      make_real(t);
    else if (!t.node()->storage())
      pending.push_back(t);
  }
  void buffer(Buffer& t) override { parameter(t); }
};

}  // namespace

void make_real(const Tensor& constant) {
  NodeImpl& node = *constant.node();
  materialise(node);
  // Whoever builds a graph of it sees a constant throughout, or an input.
  const GraphLock lock;
  node.op.replace(&data_op());
}

void settle(std::span<const ConstModelRef> models) {
  Collect collect;
  for (const ConstModelRef& m : models) m.visit(collect);
  if (!collect.pending.empty()) eval_hooks().eval(collect.pending);
}

}  // namespace lilith::ir
