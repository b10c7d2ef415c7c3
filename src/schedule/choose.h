#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schedule/group_key.h"
#include "schedule/kernel/backend.h"
#include "schedule/options.h"

namespace lilith::schedule {

struct KnownGroup;

/// What was decided for a group, or for a part of one that no kernel computes as a whole.
struct Decision {
  Choice choice;
  std::string next_best;  // the way that came second, with its cycles; empty: there is no other
  std::optional<GroupKey> key = {};  // of what may be written again for groups that are alike
  std::shared_ptr<const KnownGroup> known = {};  // what is written again; its choice emits nothing
};

/// Decides how each group is computed and where its results lie: gives the values their buffers.
/// `pick` (null: the best) is asked for each group that there are ways for.
std::vector<Decision> choose(const std::vector<Group>& groups, const Backend& backend,
                             const Pick& pick, Builder* b);

/// Adds the kernels of a decision to the plan.
void emit(const Decision& d, Builder* b);

}  // namespace lilith::schedule
