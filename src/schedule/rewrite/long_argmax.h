#pragma once
#include <vector>

#include "lilith/graph.h"

namespace lilith::schedule {

/// A rewrite of argmax and argmin along long rows, which would be walked element by element:
///   the least place at which the extremum lies
/// Undefined where the node stays as it is: short axes, and those with many columns beside them.
Tensor split_argmax(const Node& n, const std::vector<Tensor>& in);

}  // namespace lilith::schedule
