#include "ir/node.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "ir/order.h"

namespace lilith::ir {
namespace {

// Nodes come and go by the hundred each step: a free list per thread. Sanitizers see every one.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kMaxFree = 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr int kMaxFree = 0;
#else
constexpr int kMaxFree = 8192;
#endif
#else
constexpr int kMaxFree = 8192;
#endif

struct FreeNode {
  FreeNode* next;
};
// Trivially destructible, so that nodes freed late in a thread's exit still find them.
thread_local FreeNode* free_list = nullptr;
thread_local int num_free = 0;
thread_local bool closed = false;

struct FreeListGuard {
  ~FreeListGuard() {
    closed = true;
    while (free_list) {
      FreeNode* node = free_list;
      free_list = node->next;
      ::operator delete(node);
    }
  }
};
thread_local FreeListGuard guard;

}  // namespace

void* NodeImpl::operator new(std::size_t bytes) {
  if (free_list) {
    FreeNode* node = free_list;
    free_list = node->next;
    --num_free;
    return node;
  }
  return ::operator new(bytes);
}

void NodeImpl::operator delete(void* p) {
  if (num_free >= kMaxFree || closed) {
    ::operator delete(p);
    return;
  }
  static_cast<void>(&guard);  // touched, so that it is constructed
  auto* node = static_cast<FreeNode*>(p);
  node->next = free_list;
  free_list = node;
  ++num_free;
}

NodeImpl::NodeImpl(const OpDef* op, std::vector<Tensor> inputs, Attrs attrs, Aval aval, Loc loc)
    : op(op),
      attrs(std::move(attrs)),
      aval(aval),
      loc(loc),
      traced(op == &parameter_op() ||
             std::ranges::any_of(inputs, [](const Tensor& t) { return t.node()->traced; })) {
  this->inputs.reserve(inputs.size());
  for (const Tensor& t : inputs) {
    t.node()->retain();
    this->inputs.push_back(t.node());
  }
}

NodeImpl::~NodeImpl() = default;

void NodeImpl::destroy() {
  // Iterative: a chain of a million nodes must not overflow the stack.
  NodeImpl* dead = this;
  next_dead_ = nullptr;
  while (dead) {
    NodeImpl* node = dead;
    dead = node->next_dead_;
    for (NodeImpl* input : node->inputs) {
      if (!was_last(input->counts_.fetch_sub(kRef, std::memory_order_acq_rel))) continue;
      input->next_dead_ = dead;
      dead = input;
    }
    delete node;
  }
}

void NodeImpl::set_storage(StoragePtr data) {
  storage_ = std::move(data);
  has_storage_.store(true, std::memory_order_release);
}

void NodeImpl::make_leaf(StoragePtr data) {
  set_storage(std::move(data));
  let_go_of_inputs();
}

void NodeImpl::make_leaf(StoragePtr data, std::vector<NodeImpl*>& old_inputs) noexcept {
  set_storage(std::move(data));
  drop_inputs(old_inputs);
}

void NodeImpl::drop_inputs(std::vector<NodeImpl*>& into) noexcept {
  op.replace(&data_op());
  inputs.swap(into);
}

void NodeImpl::let_go_of_inputs() {
  std::vector<NodeImpl*> old;
  drop_inputs(old);
  for (NodeImpl* input : old) input->release();
}

std::vector<NodeImpl*> topological_order(const std::vector<Tensor>& outputs) {
  std::vector<NodeImpl*> roots;
  for (const Tensor& t : outputs) {
    if (t.defined()) roots.push_back(t.node());
  }
  return inputs_first(roots, [](const NodeImpl&) { return true; });
}

EvalHooks& eval_hooks() {
  static EvalHooks hooks;
  return hooks;
}

int& trace_depth() {
  thread_local int depth = 0;
  return depth;
}

}  // namespace lilith::ir
