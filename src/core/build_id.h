#pragma once
#include <string>

namespace lilith {

/// What the linker calls the contents of a program or shared object (its note NT_GNU_BUILD_ID), as
/// hexadecimal digits; "" for a file that cannot be read or has none.
std::string build_id(const std::string& path);
/// The file that an address of this process comes from; "" when it is not known.
std::string file_of(const void* address);

}  // namespace lilith
