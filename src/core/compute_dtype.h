#pragma once
#include "lilith/dtype.h"

namespace lilith {

constexpr bool is_half(DType d) { return d == DType::F16 || d == DType::BF16; }
/// The dtype that values are computed in: F32 for halves, the dtype itself for others.
constexpr DType compute_dtype(DType d) { return is_half(d) ? DType::F32 : d; }

}  // namespace lilith
