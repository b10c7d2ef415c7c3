#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "schedule/group.h"
#include "schedule/target.h"
#include "schedule/varying_dims.h"

namespace lilith::schedule {

struct Choice;
/// Which of the ways to compute a group is taken, by its number. Asked in the order of the groups;
/// not for those of loops' bodies.
using Pick = std::function<std::size_t(const Group&, const std::vector<Choice>&)>;

/// What a program is planned for.
struct PlanOptions {
  Target target;
  std::vector<bool> donated;    // per input: its memory may be written; empty: none
  std::size_t guard_bytes = 0;  // an unused band after each arena buffer, for tests
  Pick pick = {};               // null: the best by the model
  // Copies that its kernels make of inputs outlive a run (eval/kept_copies.h).
  bool keeps_copies = false;
  // Of a loop's body, per input: it is the same in every step. Empty: of none.
  std::vector<bool> constant = {};
  // Extents that the same work has had otherwise, in order: tiles along them have one size and
  // their last one is masked, so that kernels for other extents are the same but for numbers.
  std::vector<std::int64_t> varying = {};
  // Which dimensions of the graph's nodes these are, for products outside of loops. Null: all of
  // such an extent, as for all else.
  std::shared_ptr<const VaryingDims> varying_dims = {};
};

}  // namespace lilith::schedule
