#pragma once
#include <vector>

#include "lilith/graph_names.h"
#include "runtime/storage.h"

namespace lilith::driver {

/// A graph some of whose constants come as inputs, behind its own, and what they are.
struct WithNumbers {
  Graph graph;
  std::vector<StoragePtr> numbers;
};

/// Of a function that was traced: the constants that an earlier trace of the same structure had
/// otherwise become inputs, so that a number that changes from call to call is no program of its
/// own each time. What is computed has the same bits either way. Remembers this trace's numbers.
/// Nothing changes the first time, and under LILITH_DISABLE=shared_code. Thread-safe.
WithNumbers changing_numbers(Graph g);

}  // namespace lilith::driver
