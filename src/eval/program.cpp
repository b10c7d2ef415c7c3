#include "eval/program.h"

#include "core/env.h"
#include "eval/compiled_program.h"
#include "eval/split.h"
#include "eval/split_program.h"

namespace lilith {

Program::~Program() = default;

std::shared_ptr<Program> Program::compile(const Graph& g, const ProgramOptions& options) {
  if (env::eager()) return make_eager_program(g);
  return is_on_one_device(g) ? make_compiled_program(g, options) : make_split_program(g, options);
}

}  // namespace lilith
