#pragma once
#include <vector>

#include "schedule/fusion/rules.h"
#include "schedule/fusion/state.h"
#include "schedule/levels.h"

namespace lilith::schedule {

/// What products read of their operands. Where the device wants it, they compute an operand from
/// what lies in memory as they read it: views, masks, a little arithmetic.
class Operands {
 public:
  Operands(const FusionRules& rules, const FusionState& state);

  /// What has to be stored for a product to read this operand. What is stored by now counts.
  Nodes reads(ir::NodeImpl* operand, const ir::NodeImpl* product);
  /// Whether some product computes it where it reads it.
  bool computed(int n) const { return computed_[static_cast<std::size_t>(n)]; }

 private:
  static constexpr int kNone = -1, kSeveral = -2;

  struct Expression {
    Nodes nodes, reads;
    double flops = 0;  // of an element
  };
  void expand(ir::NodeImpl* n, Expression* e) const;
  bool is_alone(const ir::NodeImpl* operand, const Expression& e) const;
  bool is_stored_for_others(const ir::NodeImpl* n) const;
  int followed(const ir::NodeImpl* n) const;
  bool is_late(const ir::NodeImpl* n, const ir::NodeImpl* product) const;

  const FusionRules& rules_;
  const FusionState& s_;
  const Dataflow& a_;
  const Levels levels_;
  // By index: the product that a value follows point by point, whose kernel can store it. Several:
  // none of them knows all that it takes.
  std::vector<int> follows_;
  std::vector<bool> computed_;
};

}  // namespace lilith::schedule
