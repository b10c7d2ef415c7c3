#pragma once
#include <cstddef>
#include <vector>

#include "schedule/fusion/reads.h"
#include "schedule/fusion/state.h"

namespace lilith::schedule {

/// A group with the stored values that it makes and reads.
struct LinkedGroup {
  Group group;
  Numbers results, reads;
};
using LinkedGroups = std::vector<LinkedGroup>;

LinkedGroup linked(Group g, const Dataflow& a, Reads& reads);
LinkedGroups linked(std::vector<Group> groups, const Dataflow& a, Reads& reads);

/// Of groups, by group: their places among the LinkedGroups.
using GroupLists = std::vector<std::vector<std::size_t>>;

/// The groups whose results each group reads.
GroupLists needs_of(const LinkedGroups& groups, const Dataflow& a);
/// Who names a group, as often as it is named.
GroupLists reversed(const GroupLists& lists);

/// The numbers of nodes.
Numbers numbers_of(const Nodes& nodes, const Dataflow& a);

}  // namespace lilith::schedule
