#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "schedule/group.h"
#include "schedule/kernel/builder.h"

namespace lilith::schedule {

/// What tells whether a CPU computes two groups alike, of one program or of two: all that the ways
/// to compute a group and its kernels depend on, as a hash of 128 bits; and the group's nodes, of
/// which those with one number play one part.
struct GroupKey {
  std::array<std::uint64_t, 2> hash{};
  std::vector<ir::NodeImpl*> nodes;
  std::vector<int> operands;  // the buffers of a product's

  /// The number of a node; -1 when it is none of the group's.
  int number(const ir::NodeImpl* n) const;
};

/// A hash of what is the same for all groups of a plan: the machine, the features that are off.
std::uint64_t settings_key(const Builder& b);

/// Of a group whose operands have their buffers and whose results have none. Nothing of loops,
/// calls and sparse products, whose kernels depend on more than is looked at.
std::optional<GroupKey> group_key(const Group& g, const Builder& b, std::uint64_t settings);

}  // namespace lilith::schedule
