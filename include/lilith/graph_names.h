#pragma once
#include "lilith/graph.h"

// The types of lilith/graph.h by their short names, for programs that work on graphs and have no
// Node or Graph of their own.
namespace lilith {

using ir::Body;
using ir::Graph;
using ir::Match;
using ir::Node;
using ir::PassDef;
using ir::Pattern;

}  // namespace lilith
