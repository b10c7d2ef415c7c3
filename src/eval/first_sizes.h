#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "eval/program.h"
#include "lilith/graph.h"
#include "runtime/fork.h"
#include "schedule/options.h"
#include "schedule/rewrite/prepare.h"

namespace lilith {

/// The first program of a family, which those of other sizes are compared with.
struct FirstProgram {
  explicit FirstProgram(Graph g) : graph(std::move(g)) {}

  runtime::ForkMutex mutex;    // passes and rules of the user run under it
  std::optional<Graph> graph;  // as it was asked for, until it is prepared
  std::optional<schedule::IndexChecks> prepared = {};
  std::vector<bool> varies = {};  // of its nodes' dimensions, one after another
};

/// Why a program cannot be made ahead: what it would show of its family has to be shown in the
/// order in which programs are asked for.
struct ShowsMore {};

/// Which dimensions of a prepared graph other programs of its family have otherwise. Null: that is
/// not known, as where the first one could not be compiled. Where some size begins to vary, the
/// first program is planned as one whose sizes do, and its kernels are shown to the code that the
/// family shares: what is the same there as in a program of other sizes does not follow from them.
std::shared_ptr<const schedule::VaryingDims> compare_with_first(const Graph& prepared,
                                                                const ProgramOptions& options);

}  // namespace lilith
