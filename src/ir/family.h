#pragma once
#include <cstdint>

#include "lilith/graph_names.h"

namespace lilith::ir {

/// A hash of what a graph does apart from its sizes and numbers: ops, dtypes, ranks and edges.
/// Programs of one family share code (codegen/shared_code.h).
std::uint64_t family(const Graph& g);

}  // namespace lilith::ir
