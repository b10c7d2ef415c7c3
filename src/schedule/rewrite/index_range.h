#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ir/numbered.h"

namespace lilith::schedule {

/// Integers from `least` to `most`, both included.
struct IndexRange {
  std::int64_t least, most;
};

/// What follows about a graph's integers from what is known of its inputs (by input; empty:
/// nothing): by node, where something does. An index that was counted, compared or found by argmax
/// needs no check, whatever the inputs are.
std::vector<std::optional<IndexRange>> index_ranges(
    const ir::Numbered& g, std::span<const std::optional<IndexRange>> inputs = {});

}  // namespace lilith::schedule
