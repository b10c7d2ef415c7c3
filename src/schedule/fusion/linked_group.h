#pragma once
#include <cstddef>
#include <span>
#include <utility>
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

/// Of groups, by group: their places among the LinkedGroups. All lists lie in one.
class GroupLists {
 public:
  /// `pairs`: of a group, and what its list holds, in their order.
  GroupLists(std::size_t groups, std::span<const std::pair<std::size_t, std::size_t>> pairs);
  std::span<const std::size_t> operator[](std::size_t k) const {
    return {all_.data() + first_[k], all_.data() + first_[k + 1]};
  }
  std::size_t size() const { return first_.size() - 1; }

 private:
  std::vector<std::size_t> first_, all_;
};

/// The groups whose results each group reads.
GroupLists needs_of(const LinkedGroups& groups, const Dataflow& a);
/// Who names a group, as often as it is named.
GroupLists reversed(const GroupLists& lists);

/// The numbers of nodes.
Numbers numbers_of(const Nodes& nodes, const Dataflow& a);

}  // namespace lilith::schedule
