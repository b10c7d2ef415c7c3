#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "eval/program.h"

namespace lilith::driver {

/// Compiles a graph with `make` and leaves a case in LILITH_DUMP's folder that
/// `lilith explain --replay` runs again: graph.txt, what the stages write, and, before the first
/// run, inputs.safetensors with the inputs by number ("0", "1", …).
std::shared_ptr<Program> dump_case(
    const Graph& g, const std::function<std::shared_ptr<Program>(const Graph&)>& make);

/// How tensors are written; io/ installs it, for its formats lie above this folder.
using WriteTensors = void (*)(const std::vector<std::pair<std::string, Tensor>>& tensors,
                              const std::string& path);
WriteTensors& write_tensors_hook();

}  // namespace lilith::driver
