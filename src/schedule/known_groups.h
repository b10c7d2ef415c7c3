#pragma once
#include <memory>
#include <string>
#include <vector>

#include "schedule/choose.h"
#include "schedule/group_key.h"

namespace lilith::schedule {

/// What was decided and written for a group, for those that are computed alike: equal layers of a
/// network, and a program that comes again with other sizes elsewhere. Nodes are numbers of the
/// group's key.
struct KnownGroup {
  struct Launch {
    LaunchPlan plan;           // its buffers: a node's number, or -1 - the number of its scratch
    std::vector<int> results;  // the nodes that it stores
  };
  std::string name, next_best;
  std::vector<std::pair<int, Layout>> results;
  std::vector<BufferPlan> scratch;
  std::vector<Launch> launches;
};

/// What is known of a key; null: nothing. Thread-safe.
std::shared_ptr<const KnownGroup> find_known(const GroupKey& key);
/// For whoever asks next. Where there are many, those that nobody asked for lately are forgotten.
void remember(const GroupKey& key, std::shared_ptr<const KnownGroup> known);

/// The state of a plan before a group's kernels are added to it.
struct PlanMark {
  std::size_t launches, buffers, copies;
  explicit PlanMark(const Builder& b);
};
/// What was added since, of the group with this key; null where it is not what the group alone
/// says.
std::shared_ptr<const KnownGroup> written_since(const PlanMark& mark, const Decision& d,
                                                const Builder& b);
/// Adds it to another plan.
void write_again(const KnownGroup& known, const GroupKey& key, Builder* b);

}  // namespace lilith::schedule
