#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ir/numbered.h"
#include "lilith/graph_names.h"

namespace lilith {

/// Runs the built-in and registered passes on a graph, again until nothing changes.
Graph run_passes(const Graph& g);

namespace passes {

/// Whose a pass is. Kernels rely on a required one.
enum class PassKind : std::uint8_t { Own, Required, Registered };
/// One step of the pipeline, or of the rewrites before scheduling. Returns the graph itself where
/// nothing is to be done.
struct Pass {
  std::string name;
  std::function<Graph(const ir::Numbered&)> run;
  PassKind kind = PassKind::Own;
  std::string feature = {};  // it goes with this feature of LILITH_DISABLE
};

/// Runs one pass: skipped when LILITH_DISABLE names it, unless it is required; timed and printed by
/// LILITH_DEBUG, dumped by LILITH_DUMP, verified by LILITH_VERIFY (InternalError "internal error
/// after pass 'NAME': …"; Error "after pass 'NAME': …" for a registered one).
ir::Numbered run_pass(const Pass& pass, const ir::Numbered& g);
/// The passes in the order in which they run, registered ones in their places.
std::vector<Pass> pipeline();

/// The graph with new bodies of its loops.
Graph with_bodies(const ir::Numbered& g, const std::function<Graph(const Graph&)>& f);
/// The graph with its scans step by step and both branches of a cond computed: for devices that
/// run no loops. A while_loop stays.
Graph unrolled(const Graph& g);

// The passes. Each keeps the values of the outputs and is exact but for the sign of zero.
Graph loops(const ir::Numbered& g);
Graph empty(const ir::Numbered& g);
Graph simplify(const ir::Numbered& g);
Graph constant_folding(const ir::Numbered& g);
Graph unit_dims(const ir::Numbered& g);
Graph transposes(const ir::Numbered& g);
Graph cse(const ir::Numbered& g);
Graph one_hot(const ir::Numbered& g);
Graph disjoint_pads(const ir::Numbered& g);

}  // namespace passes
}  // namespace lilith
