#include "schedule/group.h"

namespace lilith::schedule {

using ir::NodeImpl;

std::vector<NodeImpl*> Group::results() const {
  std::vector<NodeImpl*> all = stores;
  all.insert(all.end(), reduces.begin(), reduces.end());
  for (const Group& stage : chain) {
    for (NodeImpl* n : stage.results()) all.push_back(n);
  }
  return all;
}

}  // namespace lilith::schedule
