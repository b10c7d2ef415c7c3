#pragma once
#include <vector>

#include "lilith/graph_names.h"
#include "schedule/dataflow.h"
#include "schedule/fusion/rules.h"
#include "schedule/group.h"

namespace lilith::schedule {

/// The fusion decisions: which kernel computes what, in an order that works.
struct Fusion {
  std::vector<Group> groups;
};
/// `donated`: inputs whose memory an output may take over; what reads them runs before what
/// replaces them, where that is possible.
Fusion fuse(const Dataflow& a, const Graph& g, const FusionRules& rules,
            const std::vector<bool>& donated);

}  // namespace lilith::schedule
