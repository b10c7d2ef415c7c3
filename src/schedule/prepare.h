#pragma once
#include "lilith/graph.h"

namespace lilith::schedule {

/// Last rewrites before scheduling: what the schedule wants said in the graph.
///   conv_general with padding or lhs dilation -> conv_general(pad(x))
///   a mask that a backward pass tests on a ReLU's input -> the same test on its stored output
Graph prepare(const Graph& g);

}  // namespace lilith::schedule
