#pragma once
#include "schedule/fusion/operands.h"
#include "schedule/fusion/sparse_products.h"
#include "schedule/fusion/state.h"

namespace lilith::schedule {

/// What is stored. What no kernel can compute where it is read (outputs, reductions, products and
/// their operands) has to be; what would be computed too often, or make a kernel too large, is
/// stored for being shared. Hands on, too, what computing each value costs.
class Stores {
 public:
  Stores(const FusionRules& rules, const SparseProducts& sparse, FusionState& state)
      : sparse_(sparse), s_(state), a_(state.dataflow()), operands_(rules, state) {}
  void run();

 private:
  void store(const ir::NodeImpl* n) { s_.set_stored(n, true); }
  void must_store();
  void store_shared();
  bool computed_with_another(int node, int in) const;
  bool too_often(const ir::NodeImpl* n, double cost, int loads) const;

  const SparseProducts& sparse_;
  FusionState& s_;
  const Dataflow& a_;
  Operands operands_;
};

}  // namespace lilith::schedule
