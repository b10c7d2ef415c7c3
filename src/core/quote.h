#pragma once
#include <string>
#include <string_view>

namespace lilith {

/// Bytes from outside (a file's names, a field) for a message: control bytes, and bytes that are no
/// UTF-8, as \n or \x1b, a backslash as two; cut after about `most` bytes, with "…".
std::string escaped(std::string_view bytes, std::size_t most = 80);

}  // namespace lilith
