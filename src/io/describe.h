#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace lilith::io {

/// What a file of no format that is read looks like, and what to do, for an error: "is an HTML
/// page, as a download that failed leaves". Empty when its beginning tells nothing. `path` helps
/// with formats that have no mark of their own.
std::string describe_other(std::span<const std::uint8_t> bytes, const std::string& path);

}  // namespace lilith::io
