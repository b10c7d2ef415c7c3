#include "schedule/fusion/state.h"

#include <algorithm>

namespace lilith::schedule {

FusionState::FusionState(const Dataflow& a)
    : a_(a),
      stored_(a.order().size(), false),
      shared_(a.order().size(), false),
      grouped_(a.order().size(), false),
      cost_(a.order().size(), 0),
      units_(a.input_edges(), a.user_edges()) {
  groups_.reserve(a.order().size() / 2);
}

std::size_t FusionState::add(Group g) {
  groups_.push_back(std::move(g));
  return groups_.size() - 1;
}

// Without a search: what is read is in no kernel of the two, and needs a result.
bool FusionState::through_others(const Numbers& reads, int reader, const Numbers& results) const {
  return std::any_of(reads.begin(), reads.end(), [&](int x) {
    return !units_.together(x, results[0]) && !units_.together(x, reader) &&
           std::any_of(results.begin(), results.end(),
                       [&](int r) { return r <= x && a_.depends(node(x), node(r)); });
  });
}

}  // namespace lilith::schedule
