#pragma once
#include <cstddef>
#include <vector>

#include "schedule/fusion/linked_group.h"
#include "schedule/fusion/rules.h"
#include "schedule/levels.h"

namespace lilith::schedule {

/// Which maps share a kernel because they depend on each other row by row: those that reduce over
/// the same axes of one domain, and what computes with their results, become one group.
///   m = max x;  e, s = exp(x - m), sum e;  y = e / s       one chain, over x's rows
/// Whether each of them reads its own row alone is seen where the expressions are made
/// (cpu/map/row_chain.cpp), which may cut the chain again.
class Chains {
 public:
  Chains(const FusionRules& rules, FusionState& state, Reads& reads, LinkedGroups groups);
  /// The groups, in no order that has to work: chains stand where their first maps stood.
  LinkedGroups run();

 private:
  using Members = std::vector<std::size_t>;  // groups, by their place

  bool may_begin(std::size_t k) const;
  // The groups of the chain that begins with `head`, in their order.
  Members grow(std::size_t head);
  // Whether one kernel may compute the members and k; it does, then.
  bool join(const Members& members, std::size_t k);
  // Whether k and the members make each other's results wait that others read.
  bool would_wait(const Members& members, std::size_t k) const;
  double cost_of(std::size_t k) const;
  void gather(const Members& members);
  void find_visible();

  const FusionRules& rules_;
  FusionState& s_;
  Reads& reads_;
  LinkedGroups groups_;
  const Levels levels_;
  const GroupLists needs_, needed_by_;  // of the groups before any is gathered
  std::vector<bool> chained_;           // by group
};

}  // namespace lilith::schedule
