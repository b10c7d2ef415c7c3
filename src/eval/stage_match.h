#pragma once
#include <vector>

#include "lilith/graph_names.h"

namespace lilith {

/// For each node of `after`, which node of `before` it was (an index of before's nodes, or -1 for a
/// new one): the same node, or one of the same op, attrs and aval at the same line, rather with the
/// same inputs. No node of `before` is taken twice.
std::vector<int> match_nodes(const Graph& before, const Graph& after);

}  // namespace lilith
