#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "lilith/tensor_dict.h"

namespace lilith::io {

/// The array of a .npy file's bytes. Big-endian and Fortran-ordered arrays are brought into
/// Lilith's order. Errors: objects, records and strings, sizes that do not fit the data. Ref:
/// numpy.lib.format, versions 1 to 3.
Tensor parse_npy(std::span<const std::uint8_t> bytes, const std::string& file,
                 const std::string& name);
/// The one array, under the name of the file without its ending.
TensorDict load_npy(const std::string& path);
/// The arrays by name.
TensorDict load_npz(const std::string& path);

}  // namespace lilith::io
