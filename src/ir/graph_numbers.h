#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ir/numbered.h"

namespace lilith::ir {

/// What graphs of one structure have otherwise where sizes differ: extents of inputs and constants,
/// integers of attributes, and reals that are a positive whole number or one over it, as a walk
/// finds them.
struct GraphNumbers {
  std::uint64_t rest = 0;  // a hash of everything else
  std::vector<std::int64_t> numbers;
};
GraphNumbers numbers_of(const Numbered& g);

/// The graph with these numbers; its other sizes follow from the rules of its ops. Nodes keep their
/// lines. Error where a rule does not take them.
Graph with_numbers(const Numbered& g, std::span<const std::int64_t> numbers);

}  // namespace lilith::ir
