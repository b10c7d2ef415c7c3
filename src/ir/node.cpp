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

struct NodeImpl::Said {
  explicit Said(Attrs all) : attrs(std::move(all)) {}
  const Attrs attrs;
  mutable std::atomic<std::uint64_t> hash{0};  // 0: not known yet
};

namespace {
const Attrs& no_attrs() {
  static const auto* none = new Attrs;
  return *none;
}
}  // namespace

NodeImpl::NodeImpl(const OpDef* op, const std::vector<Tensor>& inputs, Attrs attrs,
                   const Aval& aval, Loc loc)
    : op(op),
      said_(attrs.empty() ? nullptr : std::make_shared<const Said>(std::move(attrs))),
      attrs(said_ ? said_->attrs : no_attrs()),
      aval(aval),
      loc(loc),
      inputs(inputs.size()),
      traced(op == &parameter_op() ||
             std::ranges::any_of(inputs, [](const Tensor& t) { return t.node()->traced; })) {
  std::ranges::transform(inputs, this->inputs.begin(), &Tensor::node);
  for (NodeImpl* n : this->inputs) n->retain();
}

NodeImpl::NodeImpl(const NodeImpl& like, std::span<NodeImpl* const> inputs)
    : op(static_cast<const OpDef*>(like.op)),
      said_(like.said_),
      attrs(like.attrs),
      aval(like.aval),
      loc(like.loc),
      inputs(inputs.size()),
      traced(std::ranges::any_of(inputs, [](const NodeImpl* n) { return n->traced; })) {
  std::ranges::copy(inputs, this->inputs.begin());
  for (NodeImpl* n : inputs) n->retain();
}

std::uint64_t NodeImpl::attrs_hash() const {
  if (!said_) return attrs.hash();
  std::uint64_t h = said_->hash.load(std::memory_order_relaxed);
  if (h == 0) said_->hash.store(h = attrs.hash(), std::memory_order_relaxed);
  return h;
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

void NodeImpl::make_leaf(StoragePtr data, InputList& old_inputs) noexcept {
  set_storage(std::move(data));
  drop_inputs(old_inputs);
}

void NodeImpl::drop_inputs(InputList& into) noexcept {
  op.replace(&data_op());
  inputs.swap(into);
}

void NodeImpl::let_go_of_inputs() {
  InputList old;
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
