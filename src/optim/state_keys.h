#pragma once
#include <string>
#include <vector>

#include "lilith/load_state.h"
#include "lilith/model.h"

namespace lilith::optim {

/// An optimiser's dict, and the prefixes of its parameter groups, as LoadOptions rename them.
struct RenamedState {
  StateDict dict;
  std::vector<std::string> group_prefixes;  // empty ones stay empty
};

/// `options.prefix` is one of keys ("optimizer"); strip and rename are of the parameters' paths, so
/// that the options with which a model is loaded are those of its optimiser too. Error for an
/// option that matches nothing, and for keys that become one; `op` starts it.
RenamedState renamed_state(const StateDict& dict, const std::vector<std::string>& group_prefixes,
                           const LoadOptions& options, const std::string& op);

}  // namespace lilith::optim
