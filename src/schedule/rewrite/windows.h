#pragma once
#include <vector>

#include "lilith/graph.h"

namespace lilith::schedule {

/// A rewrite of reductions over large windows, whose elements would be written out one by one:
///   windows side by side  -> a reduction of the reshaped input
///   others                -> one dimension after another, a long one in two levels
/// Undefined where the node stays as it is.
Tensor split_windows(const Node& n, const std::vector<Tensor>& in);

}  // namespace lilith::schedule
