#pragma once
#include <cstddef>
#include <vector>

#include "schedule/plan.h"
#include "schedule/reachability.h"

namespace lilith::schedule {

/// By launch: the earlier ones that it has to wait for, the last one first. They touch bytes that
/// it touches, and one of the two writes them. Left out is whom another of the list waits for
/// itself. Memory is what the plan says: buffers of the arena where they lie in it, an output with
/// a donor in the donor's place. (A run that has no such donation waits where it need not.)
using LaunchNeeds = std::vector<std::vector<int>>;
LaunchNeeds launch_needs(const Plan& plan);
/// The same before the arena is planned: each of its buffers has memory of its own.
LaunchNeeds value_needs(const Plan& plan);

/// Who waits for whom, by way of others too.
class LaunchOrder {
 public:
  explicit LaunchOrder(const LaunchNeeds& needs);
  bool needs(std::size_t launch, std::size_t of) const {
    return reachability_.depends(static_cast<int>(launch), static_cast<int>(of));
  }

 private:
  const Edges edges_;
  const Reachability reachability_;
};

/// Launches on the longest way along which each waits for one before it.
std::size_t longest_chain(const LaunchNeeds& needs);

}  // namespace lilith::schedule
