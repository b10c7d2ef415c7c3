#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "schedule/kernel/builder.h"

namespace lilith::schedule {

/// One way to compute a group: decided, and nothing written yet.
struct Choice {
  std::string name;   // what is particular to it, for people: "tile rows m0:6 x lanes n1:16"
  double cycles = 0;  // the model's estimate, of one thread; 0: there is no model of its kind
  std::vector<std::pair<const ir::NodeImpl*, Layout>> results;  // where they will lie
  std::function<void()> emit;                                   // adds its kernels to the plan
  // What says all about the copy of an operand that it makes: free for who makes the same. Its
  // buffer first.
  std::vector<std::int64_t> copies = {};
  // What says how its sums are added up: ways to compute the same group that agree in this give the
  // same bits. Empty: in the order of the axes, one sum for each element.
  std::vector<std::int64_t> sum_order = {};
};

/// What a device knows of kernels: which ways there are, and how each is written.
class Backend {
 public:
  virtual ~Backend() = default;
  /// The ways to compute a group, the best first; none where the device cannot compute it as one.
  /// What the group reads has its buffers. Adds nothing to the plan.
  virtual std::vector<Choice> ways(const Group& g, Builder& b) const = 0;
};

}  // namespace lilith::schedule
