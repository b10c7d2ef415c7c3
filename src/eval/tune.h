#pragma once
#include <memory>
#include <vector>

#include "eval/program.h"
#include "lilith/compile.h"

namespace lilith {

struct Tuned {
  TuneReport report;
  std::shared_ptr<Program> program;  // null: the one that there is, is the best
};

/// Times the ways of a program's kernels on these inputs, which are only read. g: what `program`
/// was compiled from.
Tuned tune_program(const Graph& g, const std::shared_ptr<Program>& program,
                   const ProgramOptions& options, const std::vector<StoragePtr>& inputs);

}  // namespace lilith
