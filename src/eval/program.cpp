#include "eval/program.h"

#include "core/env.h"
#include "eval/compiled_program.h"
#include "eval/host_calls.h"
#include "eval/split.h"
#include "eval/split_program.h"

namespace lilith {

Program::~Program() = default;

std::shared_ptr<Program> Program::compile(const Graph& g, const ProgramOptions& options) {
  if (env::eager()) return make_eager_program(g);
  const Graph with_calls = calls_on_host(g);
  return is_on_one_device(with_calls) ? make_compiled_program(with_calls, options)
                                      : make_split_program(with_calls, options);
}

}  // namespace lilith
