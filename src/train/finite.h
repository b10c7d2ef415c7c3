#pragma once
#include <optional>
#include <set>
#include <string>

#include "lilith/model.h"

namespace lilith::train {

/// Whether every element of a floating tensor is a number; true for other dtypes. Reads the host's
/// memory as it is: no program is compiled for it.
bool all_finite(const Tensor& t);

/// The paths of the parameters and buffers that hold an infinity or a NaN.
std::set<std::string> non_finite_paths(ConstModelRef model);
/// The first of them that is not in `known`, in the order of declaration.
std::optional<std::string> first_non_finite(ConstModelRef model,
                                            const std::set<std::string>& known);

}  // namespace lilith::train
