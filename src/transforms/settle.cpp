#include "transforms/settle.h"

#include <mutex>

#include "ir/host.h"
#include "ir/node.h"

namespace lilith::ir {
namespace {

struct Collect final : Visitor {
  std::vector<Tensor> pending;
  void parameter(Tensor& t) override {
    if (!t.defined()) return;
    if (t.node()->op == &constant_op())
      make_real(t);
    else if (!t.node()->storage)
      pending.push_back(t);
  }
  void buffer(Buffer& t) override { parameter(t); }
};

}  // namespace

int& differentiation_depth() {
  thread_local int depth = 0;
  return depth;
}

void make_real(const Tensor& constant) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  NodeImpl& node = *constant.node();
  if (node.op != &constant_op()) return;
  StoragePtr storage = node.storage;
  if (!storage) {
    const Attr& value = *node.attrs.find("value");
    const Scalar s = std::holds_alternative<double>(value)
                         ? Scalar{Scalar::Kind::Float, 0, std::get<double>(value)}
                         : Scalar{Scalar::Kind::Int, std::get<std::int64_t>(value), 0};
    storage = Storage::allocate(node.aval.bytes(), node.aval.device);
    fill(storage->data(), node.aval.dtype, node.aval.numel(), s);
  }
  node.make_leaf(std::move(storage));
}

void settle(std::span<const ModelRef> models) {
  Collect collect;
  for (const ModelRef& m : models) m.visit(collect);
  if (!collect.pending.empty()) eval_hooks().eval(collect.pending);
}

}  // namespace lilith::ir
