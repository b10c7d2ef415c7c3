#include "schedule/fusion/linked_group.h"

namespace lilith::schedule {

LinkedGroup linked(Group g, const Dataflow& a, Reads& reads) {
  Numbers results = numbers_of(results_of(g), a);
  Numbers read = reads.of(g, results);
  return {std::move(g), std::move(results), std::move(read)};
}

LinkedGroups linked(std::vector<Group> groups, const Dataflow& a, Reads& reads) {
  LinkedGroups all;
  all.reserve(groups.size());
  for (Group& g : groups) all.push_back(linked(std::move(g), a, reads));
  return all;
}

GroupLists needs_of(const LinkedGroups& groups, const Dataflow& a) {
  std::vector<int> maker(a.order().size(), -1);  // by index: the group that makes the value
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const int r : groups[k].results) maker[static_cast<std::size_t>(r)] = static_cast<int>(k);
  }
  GroupLists needs(groups.size());
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const int r : groups[k].reads) {
      const int by = maker[static_cast<std::size_t>(r)];
      if (by >= 0 && by != static_cast<int>(k)) needs[k].push_back(static_cast<std::size_t>(by));
    }
  }
  return needs;
}

GroupLists reversed(const GroupLists& lists) {
  GroupLists by(lists.size());
  for (std::size_t k = 0; k < lists.size(); ++k) {
    for (const std::size_t m : lists[k]) by[m].push_back(k);
  }
  return by;
}

Numbers numbers_of(const Nodes& nodes, const Dataflow& a) {
  Numbers out;
  out.reserve(nodes.size());
  for (const ir::NodeImpl* n : nodes) out.push_back(a.index(n));
  return out;
}

}  // namespace lilith::schedule
