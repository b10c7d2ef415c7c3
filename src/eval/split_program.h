#pragma once
#include <memory>
#include <vector>

#include "core/bytes.h"
#include "eval/program.h"

namespace lilith {

/// A program for each part of a graph whose values lie on several devices (split.h).
std::shared_ptr<Program> make_split_program(const Graph& g, const ProgramOptions& options);
/// The same as Program::save has written it; null for other bytes, and where a device does not take
/// the code.
std::shared_ptr<Program> restore_split_program(ByteReader& in, const std::vector<Loc>& lines);

}  // namespace lilith
