#include "eval/program.h"

namespace lilith {

Program::~Program() = default;

std::shared_ptr<Program> Program::compile(const Graph& g, const ProgramOptions&) {
  return make_eager_program(g);
}

}  // namespace lilith
