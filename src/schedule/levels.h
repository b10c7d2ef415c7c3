#pragma once
#include <algorithm>
#include <vector>

#include "schedule/dataflow.h"

namespace lilith::schedule {

/// Of each value: how many products and reductions stand one behind another on the way to it, as
/// many kernels at the least.
class Levels {
 public:
  explicit Levels(const Dataflow& a) : level_(a.order().size(), 0), a_(a) {
    for (std::size_t i = 0; i < level_.size(); ++i) {
      for (const int in : a.input_edges().of(static_cast<int>(i)))
        level_[i] = std::max(level_[i], level_[static_cast<std::size_t>(in)]);
      level_[i] += counts(a.order()[i]);
    }
  }
  int of(int n) const { return level_[static_cast<std::size_t>(n)]; }
  int of(const ir::NodeImpl* n) const { return level_[static_cast<std::size_t>(a_.index(n))]; }
  /// The level of what it takes.
  int before(const ir::NodeImpl* n) const { return of(n) - counts(n); }

 private:
  static int counts(const ir::NodeImpl* n) {
    return n->op->cls == OpClass::Contraction || n->op->cls == OpClass::Reduction ? 1 : 0;
  }

  std::vector<int> level_;  // by index
  const Dataflow& a_;
};

}  // namespace lilith::schedule
