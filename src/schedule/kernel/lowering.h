#pragma once
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/compute_dtype.h"
#include "ir/node.h"
#include "kernel_ir/kernel.h"
#include "schedule/plan.h"

namespace lilith::schedule {

using Index = std::vector<kir::Expr>;

/// Where an element of a value that is laid out like this lies in its memory.
kir::Expr place_of(kir::Pool& pool, const Index& at, const Layout& layout, const Shape& shape);

/// Turns nodes into scalar expressions inside one kernel: what is stored is loaded, what is not is
/// computed in place by its op's lowering.
class Lowerer {
 public:
  /// `stored`: the buffer of a node's value, or -1 to compute it in place.
  Lowerer(kir::Kernel& kernel, const Plan& plan, std::function<int(ir::NodeImpl*)> stored)
      : kernel_(kernel), plan_(plan), stored_(std::move(stored)) {}

  /// The element of a node's value at an index; only where `guard` (null: always) holds is anything
  /// read.
  kir::Expr value(ir::NodeImpl* node, const Index& at, kir::Expr guard = {});
  /// The place of an element in its buffer's memory.
  kir::Expr address(int buffer, const Index& at);
  /// The kernel's parameter for a program buffer; declared at first use.
  kir::BufferId param(int buffer);
  /// The same for a buffer that the kernel stores to.
  kir::BufferId written_param(int buffer);
  /// What lies at a place of a buffer, as `dtype`.
  kir::Expr load(int buffer, kir::Expr place, DType dtype, kir::Expr guard = {});
  /// Stores an element of a buffer's value.
  kir::Stmt store(int buffer, const Index& at, kir::Expr value);
  /// Program buffers in the order of the kernel's Params.
  const std::vector<int>& params() const { return params_; }
  /// Fixes the value of a node at every index to what `f` says (an accumulator, a row's statistic).
  void bind(ir::NodeImpl* node, std::function<kir::Expr(const Index&)> f) {
    bound_[node] = [f = std::move(f)](const Index& at, kir::Expr) { return f(at); };
  }
  /// The same for a value in memory: `f` gets the guard of the read too.
  void bind(ir::NodeImpl* node, std::function<kir::Expr(const Index&, kir::Expr guard)> f) {
    bound_[node] = std::move(f);
  }
  void unbind(ir::NodeImpl* node) {
    bound_.erase(node);
    memo_.clear();
  }
  void forget() { memo_.clear(); }
  /// Computes these in place from now on, though they have buffers: the kernel itself stores them.
  void compute_in_place(std::vector<ir::NodeImpl*> nodes) { in_place_ = std::move(nodes); }

 private:
  struct Key {
    ir::NodeImpl* node;
    std::vector<const kir::ExprNode*> at;
    const kir::ExprNode* guard;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const;
  };
  kir::Expr compute(ir::NodeImpl* node, const Index& at, kir::Expr guard);

  kir::Kernel& kernel_;
  const Plan& plan_;
  std::function<int(ir::NodeImpl*)> stored_;
  std::vector<ir::NodeImpl*> in_place_;
  std::unordered_map<int, kir::BufferId> param_of_;
  std::vector<int> params_;
  std::unordered_map<ir::NodeImpl*, std::function<kir::Expr(const Index&, kir::Expr)>> bound_;
  std::unordered_map<Key, kir::Expr, KeyHash> memo_;
};

}  // namespace lilith::schedule
