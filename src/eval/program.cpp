#include "eval/program.h"

#include "core/env.h"
#include "eval/compiled_program.h"

namespace lilith {

Program::~Program() = default;

std::shared_ptr<Program> Program::compile(const Graph& g, const ProgramOptions& options) {
  return env::eager() ? make_eager_program(g) : make_compiled_program(g, options);
}

}  // namespace lilith
