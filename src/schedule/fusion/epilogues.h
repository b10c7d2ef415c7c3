#pragma once
#include <cstddef>

#include "schedule/fusion/rules.h"
#include "schedule/fusion/sparse_products.h"
#include "schedule/fusion/state.h"

namespace lilith::schedule {

/// The groups of products: what follows one point by point, or pools it, is computed from its
/// accumulators. Changes what is stored for the last time: what only an epilogue reads stays in
/// registers, and what others compute sooner than they load it is left to them.
class Epilogues {
 public:
  /// Without `wide`, every product's value is stored as it is.
  Epilogues(const FusionRules& rules, const SparseProducts& sparse, bool wide, FusionState& state);
  void run();

 private:
  // What one kernel computes, the product first.
  struct Inside {
    Nodes nodes;
    std::size_t pooled = 0;  // before it lies what is pooled, in registers; 0: nothing is

    bool contains(const ir::NodeImpl* n) const;
  };

  void add_group(ir::NodeImpl* core);
  Inside inside_of(ir::NodeImpl* core) const;
  // What lies between a product and the pooling that alone reads it, and what pools. Empty when
  // something else reads it too.
  Inside up_to_pooling(ir::NodeImpl* core) const;
  bool may_follow(const ir::NodeImpl* n, ir::NodeImpl* user, const Inside& inside) const;
  // Whether computing `u` right after the product would need a stored value whose kernel needs it.
  bool needs_later_value(const ir::NodeImpl* u, const Inside& inside) const;

  // Settles what an epilogue stores. What escapes but is cheap to compute from what is stored is
  // not: who reads it computes it again.
  void settle_stores(const Inside& inside, bool core_stored);
  bool escapes(const ir::NodeImpl* n, const Inside& inside) const;
  bool cheap_again(const ir::NodeImpl* n, double cost, const Inside& inside) const;
  void rely_on_inputs(const ir::NodeImpl* n);

  const FusionRules& rules_;
  const SparseProducts& sparse_;
  const bool wide_;
  FusionState& s_;
  const Dataflow& a_;
  std::vector<bool> relied_on_;  // by index: by what is computed again instead of being stored
};

}  // namespace lilith::schedule
