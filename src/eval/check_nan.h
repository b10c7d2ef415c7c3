#pragma once
#include <cstdint>
#include <string>

#include "lilith/dtype.h"
#include "lilith/error.h"
#include "lilith/shape.h"

namespace lilith {

// LILITH_CHECK_NAN.

/// True when one of n elements in memory is a NaN; false for dtypes that have none.
bool has_nan(DType dtype, const void* data, std::int64_t n);
/// Throws the Error that names who made it and the user's line.
[[noreturn]] void fail_nan(DType dtype, const Shape& shape, const std::string& maker, Loc loc);

}  // namespace lilith
