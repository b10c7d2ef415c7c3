#pragma once
#include <memory>

#include "eval/program.h"

namespace lilith {

/// A program for each part of a graph whose values lie on several devices (split.h).
std::shared_ptr<Program> make_split_program(const Graph& g, const ProgramOptions& options);

}  // namespace lilith
