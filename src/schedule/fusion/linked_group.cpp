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

namespace {
using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
}

GroupLists::GroupLists(std::size_t groups,
                       std::span<const std::pair<std::size_t, std::size_t>> pairs)
    : first_(groups + 1, 0), all_(pairs.size()) {
  for (const auto& [k, what] : pairs) ++first_[k + 1];
  for (std::size_t k = 0; k < groups; ++k) first_[k + 1] += first_[k];
  std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
  for (const auto& [k, what] : pairs) all_[next[k]++] = what;
}

GroupLists needs_of(const LinkedGroups& groups, const Dataflow& a) {
  std::vector<int> maker(a.order().size(), -1);  // by index: the group that makes the value
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const int r : groups[k].results) maker[static_cast<std::size_t>(r)] = static_cast<int>(k);
  }
  Pairs needs;
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const int r : groups[k].reads) {
      const int by = maker[static_cast<std::size_t>(r)];
      if (by >= 0 && by != static_cast<int>(k)) needs.emplace_back(k, static_cast<std::size_t>(by));
    }
  }
  return {groups.size(), needs};
}

GroupLists reversed(const GroupLists& lists) {
  Pairs by;
  for (std::size_t k = 0; k < lists.size(); ++k) {
    for (const std::size_t m : lists[k]) by.emplace_back(m, k);
  }
  return {lists.size(), by};
}

Numbers numbers_of(const Nodes& nodes, const Dataflow& a) {
  Numbers out;
  out.reserve(nodes.size());
  for (const ir::NodeImpl* n : nodes) out.push_back(a.index(n));
  return out;
}

}  // namespace lilith::schedule
