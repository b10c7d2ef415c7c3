#pragma once
#include <string>
#include <vector>

#include "lilith/error.h"
#include "lilith/graph.h"

namespace lilith::schedule {

/// Last rewrites before scheduling: what the schedule wants said in the graph.
///   conv_general with padding or lhs dilation -> conv_general(pad(x))
///   a convolution of a dilated input -> one for each place between its elements
///   a reduction over large windows -> reductions over less
///   the index of the best of a long row -> the least place of the extremum
///   a mask that a backward pass tests on a ReLU's input -> the same test on its stored output
///   what a ReLU makes zero before an unpool -> zeros of what is unpooled
///   an index that only the run knows -> a check, true when it is out of range
struct Prepared {
  Graph graph;   // its outputs: the program's, then one bool for each check but the early ones
  Graph before;  // what is checked before the program runs: indices that follow simply from inputs
  struct Check {
    std::string message;
    Loc loc;
  };
  std::vector<Check> early_checks, checks;
};
Prepared prepare(const Graph& g);

/// Whether every element is the constant 0.
bool is_zero(const ir::NodeImpl* n);

}  // namespace lilith::schedule
