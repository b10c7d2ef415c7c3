#pragma once
#include <string>

#include "lilith/graph_names.h"

namespace lilith::ir {

/// What is wrong with the graph; empty when nothing is.
std::string find_fault(const Graph& g);

}  // namespace lilith::ir
