#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ir/graph_lock.h"
#include "lilith/attrs.h"
#include "lilith/aval.h"
#include "lilith/error.h"
#include "lilith/op_def.h"
#include "lilith/tensor.h"
#include "runtime/storage.h"

namespace lilith::ir {

/// A node's op: replaced once, when the node becomes a leaf, while other threads may look at it.
class OpPointer {
 public:
  OpPointer(const OpDef* op) : op_(op) {}
  void replace(const OpDef* op) { op_.store(op, std::memory_order_release); }
  operator const OpDef*() const { return op_.load(std::memory_order_acquire); }
  const OpDef* operator->() const { return *this; }

 private:
  std::atomic<const OpDef*> op_;
};

class NodeImpl;

/// What a node reads. Up to three inputs need no memory of their own.
class InputList {
 public:
  explicit InputList(std::size_t size = 0) : size_(size) {
    if (size > kInPlace) many_ = new NodeImpl*[size];
  }
  InputList(const InputList&) = delete;
  ~InputList() {
    if (size_ > kInPlace) delete[] many_;
  }
  void swap(InputList& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(few_, other.few_);
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  NodeImpl** begin() { return size_ > kInPlace ? many_ : few_; }
  NodeImpl** end() { return begin() + size_; }
  NodeImpl* const* begin() const { return size_ > kInPlace ? many_ : few_; }
  NodeImpl* const* end() const { return begin() + size_; }
  NodeImpl* operator[](std::size_t i) const { return begin()[i]; }
  NodeImpl* back() const { return begin()[size_ - 1]; }
  bool operator==(const InputList& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

 private:
  static constexpr std::size_t kInPlace = 3;
  std::size_t size_;
  union {
    NodeImpl* few_[kInPlace] = {};
    NodeImpl** many_;
  };
};

/// A node of the graph IR. Immutable but for one step: once evaluated it becomes a leaf (make_leaf)
/// and lets go of its inputs. Other threads may read `op`, `attrs`, `aval` and `storage()` of a
/// node that they hold at any time, `inputs` under a GraphLock, or a SharedGraphLock with the
/// claim. Intrusively counted: `refs` counts every Tensor; `handles` those that are not held as
/// another node's input (NodeImpl::inputs are counted in refs alone) and are no operand that was
/// used up.
class NodeImpl {
 public:
  NodeImpl(const OpDef* op, const std::vector<Tensor>& inputs, Attrs attrs, const Aval& aval,
           Loc loc);
  /// The same op on other inputs, which have the same avals.
  NodeImpl(const NodeImpl& like, std::span<NodeImpl* const> inputs);
  ~NodeImpl();

  OpPointer op;

 private:
  /// Attributes that nodes share where one is the other on new inputs.
  struct Said;
  const std::shared_ptr<const Said> said_;  // null: there are none

 public:
  const Attrs& attrs;  // a node that became a leaf keeps them
  const Aval aval;
  Loc loc;
  std::string name;  // of an input ("conv1.weight"); for printing alone
  InputList inputs;  // each counted in refs
  /// Who computes its value now.
  Claim claim;
  /// Whether it depends on a traced function's input: then it cannot be evaluated.
  const bool traced;

  /// attrs.hash(), computed once for all that share them.
  std::uint64_t attrs_hash() const;
  /// The data of a leaf or of an evaluated node; null otherwise.
  const StoragePtr& storage() const {
    return has_storage_.load(std::memory_order_acquire) ? storage_ : kNoStorage;
  }
  /// Gives it data, once, by one thread.
  void set_storage(StoragePtr storage);

  bool is_leaf() const { return op->cls == OpClass::Leaf; }
  Tensor input(int i) const { return Tensor(inputs[static_cast<std::size_t>(i)]); }

  void retain() { add(kRef); }
  void release() { subtract(kRef); }
  void retain_handle() { add(kRef + kHandle); }
  void release_handle() { subtract(kRef + kHandle); }
  /// For an operand that was used up (Arg): neither a handle nor an edge.
  void retain_operand() { add(kRef + kOperand); }
  void release_operand() { subtract(kRef + kOperand); }
  /// Whether some node has it as an input.
  bool has_users() const {
    const std::uint64_t now = counts();
    return field(now, kRef) > field(now, kHandle) + now / kOperand;
  }
  /// Tensors of the user (or of the library's own locals) that hold it now.
  int handles() const { return static_cast<int>(field(counts(), kHandle)); }
  int refs() const { return static_cast<int>(field(counts(), kRef)); }

  /// Turns an evaluated node into a leaf "data" that holds `storage`; drops the inputs. Under a
  /// GraphLock.
  void make_leaf(StoragePtr storage);
  /// The same where a SharedGraphLock and the claim will do. `old_inputs`, empty before: the inputs
  /// that it had, which the caller releases without the lock.
  void make_leaf(StoragePtr storage, InputList& old_inputs) noexcept;
  /// The same where it has its value already.
  void let_go_of_inputs();

  static void* operator new(std::size_t bytes);
  static void operator delete(void* p);

 private:
  // All counts in one word, 27 bits for references and handles, 10 for operands: threads that share
  // a model's leaves wait for each other's changes of it, so there are as few as can be; and who
  // compares two counts sees them as they were at one time.
  static constexpr std::uint64_t kRef = 1, kHandle = std::uint64_t{1} << 27,
                                 kOperand = std::uint64_t{1} << 54;
  static std::uint64_t field(std::uint64_t counts, std::uint64_t unit) {
    return counts / unit & (kHandle - 1);
  }
  std::uint64_t counts() const { return counts_.load(std::memory_order_acquire); }
  void add(std::uint64_t counts) { counts_.fetch_add(counts, std::memory_order_relaxed); }
  void subtract(std::uint64_t counts) {
    if (was_last(counts_.fetch_sub(counts, std::memory_order_acq_rel))) destroy();
  }
  void drop_inputs(InputList& into) noexcept;
  static bool was_last(std::uint64_t before) { return field(before, kRef) == 1; }
  void destroy();

  StoragePtr storage_;  // to be read once has_storage_ says so
  std::atomic<bool> has_storage_{false};
  static inline const StoragePtr kNoStorage;
  NodeImpl* next_dead_ = nullptr;  // links nodes while destroy() frees a chain
  std::atomic<std::uint64_t> counts_{0};
};

/// Keeps a node alive as an edge of the graph does: unlike a Tensor it asks for no value, so that
/// evaluation need not store one.
class NodeRef {
 public:
  explicit NodeRef(const Tensor& t) : node_(t.node()) {
    if (node_) node_->retain();
  }
  NodeRef(const NodeRef& other) : node_(other.node_) {
    if (node_) node_->retain();
  }
  NodeRef(NodeRef&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodeRef& operator=(NodeRef other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodeRef() {
    if (node_) node_->release();
  }
  const NodeImpl* operator->() const { return node_; }
  Tensor tensor() const { return Tensor(node_); }

 private:
  NodeImpl* node_;
};

// ---- The leaves. ----
// "data": a value in memory (attrs empty, storage set).
// "scalar": a 0-d number that is a run-time input, never part of a key (storage set, host).
// "constant": a value baked into the graph (attr "value": double or int64; any shape, filled with
// it). "parameter": a traced function's input (attr "index"; no storage).
const OpDef& data_op();
const OpDef& scalar_op();
const OpDef& constant_op();
const OpDef& parameter_op();

Tensor make_data(Aval aval, StoragePtr storage);
/// Error when a leaf's memory is borrowed and was written to since it was last used.
void check_unchanged(const NodeImpl& leaf);
/// Gives a constant memory, filled, unless it has some. From any thread.
void materialise(NodeImpl& constant);
/// A fresh parameter for a trace.
Tensor make_parameter(Aval aval, std::int64_t index, std::string name);
/// A tensor filled with one baked number.
Tensor make_constant(Scalar value, Aval aval);
/// A 0-d run-time scalar outside a trace, a constant inside one.
Tensor make_scalar(Scalar value, DType dtype);

/// Nodes that `outputs` reach, inputs before users, each once; leaves included. Iterative (deep
/// graphs).
std::vector<NodeImpl*> topological_order(const std::vector<Tensor>& outputs);

/// Hooks that eval/ installs: the handle lives here, evaluation does not.
struct EvalHooks {
  void (*eval)(const std::vector<Tensor>& outputs) = nullptr;
  /// Told of each node that apply adds: evaluates it when too much is pending.
  void (*added)(const Tensor& node) = nullptr;
};
EvalHooks& eval_hooks();

/// Depth of tracing (compile, trace) of this thread; > 0 while a function is traced.
int& trace_depth();

}  // namespace lilith::ir
