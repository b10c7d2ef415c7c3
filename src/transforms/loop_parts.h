#pragma once
#include <functional>
#include <vector>

#include "ir/node_map.h"
#include "lilith/tensor.h"

// A loop's step and its gradient: what depends on what, and sums over the steps as parts.
namespace lilith::ir {

/// Which nodes depend on what: on a cotangent, on a carry or a row, on another input.
class Dependence {
 public:
  enum Level : char { None, Invariant, Step, Cotangent };

  void add(const Tensor& source, Level level) { level_.insert(source.node(), level); }
  void run(const std::vector<Tensor>& outputs);
  Level of(const NodeImpl* n) const {
    const Level* level = level_.find(n);
    return level ? *level : None;
  }
  bool is_back(const NodeImpl* n) const { return of(n) == Cotangent; }
  /// A checkpoint's: to be computed again.
  bool behind_barrier(const NodeImpl* n) const { return behind_.contains(n); }

 private:
  NodeMap<Level> level_{256};
  NodeMap<char> behind_{16};
};

/// A part of a sum over the steps: linear ops (the outermost first) on a root.
struct Term {
  std::vector<NodeImpl*> chain;
  NodeImpl* root = nullptr;
  std::size_t sum = 0;      // where it is added up in a carry: which one,
  bool is_chained = false;  // and whether that holds what the chain makes of the root
};

/// Whether it is a product of two values that differ from step to step.
bool is_product(const Dependence& level, const NodeImpl* n);
/// Adds the parts of `n`, on which the chain was applied, to the terms; `stacked` are roots.
void decompose(const Dependence& level, const NodeMap<std::size_t>& stacked, NodeImpl* n,
               std::vector<NodeImpl*> chain, std::vector<Term>* terms);
/// The term's chain but for its last `from`, applied to `value`; `other` gives the operands beside.
Tensor apply_chain(const Dependence& level, const Term& t, Tensor value,
                   const std::function<Tensor(NodeImpl*)>& other, std::size_t from = 0);

}  // namespace lilith::ir
