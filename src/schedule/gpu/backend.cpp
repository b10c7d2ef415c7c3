#include "schedule/gpu/backend.h"

namespace lilith::schedule::gpu {

// Padding by zeros is a masked load.
bool GpuBackend::is_prologue(const ir::NodeImpl* n) const {
  if (n->op->zeros != Zeros::Around) return false;
  const auto* value = std::get_if<double>(n->attrs.find("value"));
  return value && *value == 0;
}

std::vector<Choice> GpuBackend::ways(const Group& g, Builder& b) const {
  if (const auto* map = std::get_if<Map>(&g)) return map_ways(b, *map);
  if (const auto* chain = std::get_if<RowChain>(&g)) return row_chain_ways(b, *chain);
  if (const auto* product = std::get_if<Product>(&g)) return product_ways(b, *product);
  if (const auto* scatter = std::get_if<Scatter>(&g)) return scatter_ways(b, *scatter);
  return {};
}

}  // namespace lilith::schedule::gpu
