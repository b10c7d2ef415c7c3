#pragma once
#include <string>
#include <vector>

#include "eval/program_record.h"

namespace lilith {

/// What the page of explain_html is made from, as JSON; src/eval/page/README.md says what it holds.
std::string to_json(const std::vector<ProgramRecord>& records);

}  // namespace lilith
