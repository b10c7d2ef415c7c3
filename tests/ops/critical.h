#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lilith/ops.h"

namespace lilith::testing {

/// The functions that critical.jsonl names.
const std::map<std::string, std::function<Tensor(const std::vector<Tensor>&)>>&
critical_functions();

}  // namespace lilith::testing
