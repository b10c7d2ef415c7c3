#pragma once
#include <cstdint>

#include "ir/node_map.h"

namespace lilith::schedule {

/// Of nodes of a graph, a bit for each dimension that varies from program to program.
using VaryingDims = ir::NodeMap<std::uint64_t>;

}  // namespace lilith::schedule
