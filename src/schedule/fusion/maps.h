#pragma once
#include <cstddef>
#include <optional>

#include "schedule/fusion/reads.h"
#include "schedule/fusion/rules.h"
#include "schedule/fusion/state.h"
#include "schedule/levels.h"

namespace lilith::schedule {

/// The groups of what is stored and has none yet. Stores and reductions over one domain share a
/// group where they read the same values, or one what the other makes.
class Maps {
 public:
  /// Without `wide`, each value has a group of its own.
  Maps(const FusionRules& rules, bool wide, FusionState& state, Reads& reads);
  void run();

 private:
  void add_loop(ir::NodeImpl* n);
  void add_call(ir::NodeImpl* n);
  void add_to_group(ir::NodeImpl* n, int number);
  // The group that computes n too from now on, if there is one.
  std::optional<std::size_t> join(ir::NodeImpl* n, int number);
  // Groups of maps that read what n reads, or make it, and may still grow; the oldest first.
  std::vector<std::size_t> groups_beside(ir::NodeImpl* n, int number);
  void note_beside(int value, std::size_t group);

  // Whether one kernel may compute all of g and also n: nothing in g needs n through memory or the
  // other way round (a reduction of a value that the kernel itself computes point by point is
  // fine).
  bool independent(const Map& g, const Nodes& results, const ir::NodeImpl* n) const;
  // `top` is `r`, or computed from it by elementwise ops alone; no other path leads to r.
  bool reaches_pointwise(const ir::NodeImpl* top, const ir::NodeImpl* r, const Map& g) const;

  const FusionRules& rules_;
  const bool wide_;
  FusionState& s_;
  Reads& reads_;
  const Dataflow& a_;
  const Levels levels_;
  std::vector<std::vector<std::size_t>> beside_;  // by index: groups that read or make the value
};

}  // namespace lilith::schedule
