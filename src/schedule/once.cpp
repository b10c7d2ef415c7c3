#include "schedule/once.h"

#include <algorithm>

namespace lilith::schedule {

void find_once(Plan* plan, const std::vector<bool>& constant) {
  if (constant.empty()) return;
  std::vector<int> writers(plan->buffers.size(), 0);
  std::vector<bool> same(plan->buffers.size(), false);
  for (const LaunchPlan& l : plan->launches)
    for (const int b : l.written) ++writers[static_cast<std::size_t>(b)];
  for (std::size_t i = 0; i < constant.size(); ++i)
    same[static_cast<std::size_t>(plan->inputs[i])] = constant[i];
  const auto is_same = [&](const LaunchPlan& l) {
    for (const int b : l.buffers) {
      const auto id = static_cast<std::size_t>(b);
      const bool written = std::ranges::count(l.written, b) > 0;
      const bool own = plan->buffers[id].kind == BufferPlan::Kind::Arena && writers[id] == 1;
      if (written ? !own : !same[id]) return false;
    }
    for (const int b : l.written) same[static_cast<std::size_t>(b)] = true;
    return true;
  };
  std::vector<LaunchPlan> once, rest;
  for (LaunchPlan& l : plan->launches) {
    const bool first = is_same(l);
    (first ? once : rest).push_back(std::move(l));
  }
  plan->once = once.size();
  plan->launches = std::move(once);
  std::ranges::move(rest, std::back_inserter(plan->launches));
}

}  // namespace lilith::schedule
