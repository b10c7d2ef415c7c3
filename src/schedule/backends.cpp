#include "schedule/backends.h"

namespace lilith::schedule {

std::vector<Choice> Backends::ways(const Group& g, Builder& b) const {
  if (has_gpu_) {
    std::vector<Choice> ways = gpu_.ways(g, b);
    // A chain that has none falls apart into maps, which have.
    if (!ways.empty() || std::holds_alternative<RowChain>(g)) return ways;
  }
  return cpu_.ways(g, b);
}

}  // namespace lilith::schedule
