#pragma once
#include <span>
#include <vector>

#include "ir/numbered.h"

namespace lilith::passes {

/// The constants of a graph that no rewrite looks at, as numbers of its nodes, in order: floats
/// that elementwise ops combine with other values, and that are none of 0, 1 and the like. The
/// graph computes the same bits where they come as inputs.
std::vector<std::uint32_t> free_numbers(const ir::Numbered& g);

/// The graph with these constants as 0-d inputs of the host, behind its own.
Graph with_inputs(const ir::Numbered& g, std::span<const std::uint32_t> constants);

}  // namespace lilith::passes
