#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "ir/numbered.h"
#include "lilith/error.h"
#include "lilith/graph_names.h"

namespace lilith::schedule {

/// A test of an index that only the run knows.
struct IndexCheck {
  const char* op;  // the primitive: lives as long as the process
  Loc loc;
  std::int64_t low, high;  // the range of the index: [low, high)
  /// Whether no index of such a range is outside.
  bool passes(std::int64_t least, std::int64_t most) const { return least >= low && most < high; }
  /// Whether what the run computed tells of an index outside.
  bool failed(std::int64_t seen) const;
  /// Throws the RunError that says so.
  [[noreturn]] void fail(std::int64_t seen) const;
};

/// Checks of a program's indices, each an i64 that a graph computes: an extreme value.
struct IndexChecks {
  Graph graph;    // its outputs: the program's, then one for each of `checks`
  Graph before;   // one for each of `early`: of indices that follow simply from inputs
  Graph indices;  // those themselves
  std::vector<IndexCheck> early, checks;
};
IndexChecks add_index_checks(const ir::Numbered& g);

/// Throws a RunError: an index of the function that was called at `loc` lies outside of [low,
/// high).
[[noreturn]] void fail_index(std::string_view op, Loc loc, std::int64_t index, std::int64_t low,
                             std::int64_t high);

}  // namespace lilith::schedule
