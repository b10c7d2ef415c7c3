#pragma once
#include <string_view>

#include "lilith/aval.h"

namespace lilith::ir {

/// Error unless the bytes of an op's result can be counted: no size negative, and, sizes of 0 left
/// out, their product below 2^63, so that strides do not overflow either.
void check_aval(std::string_view op, const Aval& aval);

}  // namespace lilith::ir
