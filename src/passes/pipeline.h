#pragma once
#include <cstdint>

#include "lilith/graph.h"

namespace lilith {

/// Runs the built-in and registered passes on a graph, again until nothing changes.
Graph run_passes(const Graph& g);

namespace passes {

/// Whose a pass is. Kernels rely on a required one.
enum class PassKind : std::uint8_t { Own, Required, Registered };
/// Runs one pass: skipped when LILITH_DISABLE names it, unless it is required; timed and printed by
/// LILITH_DEBUG, dumped by LILITH_DUMP, verified by LILITH_VERIFY (InternalError "internal error
/// after pass 'NAME': …"; Error "after pass 'NAME': …" for a registered one).
Graph run_pass(const PassDef& pass, const Graph& g, PassKind kind);
/// The same for one of the pipeline.
Graph run_pass(const PassDef& pass, const Graph& g);
/// The passes in the order in which they run, registered ones in their places.
std::vector<PassDef> pipeline();
/// True when two graphs with the same inputs are the same program.
bool same_program(const Graph& a, const Graph& b);

// The passes. Each keeps the values of the outputs and is exact but for the sign of zero.
Graph empty(const Graph& g);
Graph simplify(const Graph& g);
Graph constant_folding(const Graph& g);
Graph transposes(const Graph& g);
Graph cse(const Graph& g);
Graph one_hot(const Graph& g);

}  // namespace passes
}  // namespace lilith
