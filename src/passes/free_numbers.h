#pragma once
#include <span>
#include <vector>

#include "ir/numbered.h"

namespace lilith::passes {

/// The floats of a graph that elementwise ops combine with other values.
struct Numbers {
  std::vector<std::uint32_t> nodes;  // in the graph's order
  /// Of each, whether no rewrite looks at its value: it is none of 0, 1 and the like. The graph
  /// computes the same bits where it comes as an input.
  std::vector<bool> free;
};
Numbers numbers_of(const ir::Numbered& g);

/// The graph with these constants as 0-d inputs of the host, behind its own.
Graph with_inputs(const ir::Numbered& g, std::span<const std::uint32_t> constants);

}  // namespace lilith::passes
