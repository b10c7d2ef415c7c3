#pragma once
#include <vector>

#include "schedule/fusion/linked_group.h"

namespace lilith::schedule {

/// In which order the groups run: each behind what it needs, otherwise as the graph has them. One
/// that replaces a donated input waits for the input's other readers while something else is ready.
/// One that makes outputs alone and is the last to read a value runs as soon as it can: an update
/// of weights lets go of what its gradient is computed from.
class Order {
 public:
  /// `donated`: of the graph's inputs.
  Order(const Dataflow& a, const Graph& g, const std::vector<bool>& donated);
  LinkedGroups sorted(LinkedGroups groups) const;

 private:
  // Of each group: those that read a donated input which a result of it may replace, and do not
  // need it.
  GroupLists earlier_readers(const LinkedGroups& groups) const;
  bool donated(int n) const { return donated_[static_cast<std::size_t>(n)]; }
  bool may_replace(const LinkedGroup& g, int input) const;
  bool depends(const LinkedGroup& g, const LinkedGroup& on) const;
  const ir::NodeImpl* node(int n) const { return a_.order()[static_cast<std::size_t>(n)]; }

  const Dataflow& a_;
  std::vector<bool> donated_;  // by index
};

}  // namespace lilith::schedule
