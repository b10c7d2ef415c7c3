#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace lilith {

/// "; the nearest is 'fc.weight'", for a name that is not there: the first candidate of the least
/// edit distance, escaped. Empty where none has anything in common with the name.
std::string nearest_hint(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace lilith
