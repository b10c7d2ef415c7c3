#pragma once
#include <cstddef>
#include <unordered_map>
#include <vector>

#include "schedule/fusion/rules.h"
#include "schedule/fusion/sparse_products.h"
#include "schedule/fusion/state.h"
#include "schedule/levels.h"

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
  void add_copies(Product* g);
  Inside inside_of(ir::NodeImpl* core) const;
  // What lies between a product and the pooling that alone reads it, and what pools. Empty when
  // something else reads it too.
  Inside up_to_pooling(ir::NodeImpl* core) const;
  bool may_follow(const ir::NodeImpl* n, ir::NodeImpl* user, const Inside& inside) const;
  // Whether computing `u` right after the product would need a stored value whose kernel needs it.
  bool needs_later_value(const ir::NodeImpl* u, const Inside& inside) const;

  // What of an epilogue is stored; the rest is computed again by those of the others that read it.
  struct Stored {
    Nodes nodes;
    std::unordered_map<const ir::NodeImpl*, double> again;  // flops of computing it from the stored
  };
  // Settles what an epilogue stores. What escapes but is cheap to compute from what is stored is
  // not: who reads it computes it again. Of a value that several others follow from (a tanh) and
  // those others, the fewer are stored.
  void settle_stores(const Inside& inside, bool core_stored);
  // `kept`: to be stored whoever reads them.
  Stored stored_with(const Inside& inside, const Nodes& behind, bool core_stored,
                     const Nodes& kept) const;
  bool escapes(const ir::NodeImpl* n, const Inside& inside) const;
  bool cheap_again(const ir::NodeImpl* n, double cost, const Inside& inside) const;
  void lean_on_inputs(const ir::NodeImpl* n, double flops);

  const FusionRules& rules_;
  const SparseProducts& sparse_;
  const bool wide_;
  FusionState& s_;
  const Dataflow& a_;
  const Levels levels_;
  // By index: flops that others spend on computing something again from it; 0: nobody does.
  std::vector<double> leaning_;
};

}  // namespace lilith::schedule
