#pragma once
#include <cstdint>
#include <string_view>
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
///   an index that only the run knows -> a check: its extreme value
struct Prepared {
  Graph graph;   // its outputs: the program's, then one i64 for each check but the early ones
  Graph before;  // what is checked before the program runs: indices that follow simply from inputs
  struct Check {
    const char* op;  // the primitive: lives as long as the process
    Loc loc;
    std::int64_t low, high;  // the range of the index: [low, high)
    /// Whether what the run computed tells of an index outside.
    bool failed(std::int64_t seen) const;
    /// Throws the RunError that says so.
    [[noreturn]] void fail(std::int64_t seen) const;
  };
  std::vector<Check> early_checks, checks;
};
Prepared prepare(const Graph& g);

/// Throws a RunError: an index of the function that was called at `loc` lies outside of [low,
/// high).
[[noreturn]] void fail_index(std::string_view op, Loc loc, std::int64_t index, std::int64_t low,
                             std::int64_t high);

/// Whether every element is the constant 0.
bool is_zero(const ir::NodeImpl* n);

}  // namespace lilith::schedule
