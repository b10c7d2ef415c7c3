#include "schedule/backends.h"

#include "schedule/kernel/host_call.h"
#include "schedule/kernel/loop.h"

namespace lilith::schedule {

std::vector<Choice> Backends::ways(const Group& g, Builder& b) const {
  if (const auto* loop = std::get_if<Loop>(&g)) return {loop_way(b, *loop)};
  if (const auto* call = std::get_if<HostCall>(&g)) return {host_call_way(b, *call)};
  if (has_gpu_) {
    std::vector<Choice> ways = gpu_.ways(g, b);
    // A chain that has none falls apart into maps, a pooled product into a product and a map: those
    // have.
    const auto* product = std::get_if<Product>(&g);
    if (!ways.empty() || std::holds_alternative<RowChain>(g) || (product && product->pool))
      return ways;
  }
  return cpu_.ways(g, b);
}

}  // namespace lilith::schedule
