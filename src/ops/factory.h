#pragma once
#include <string_view>

#include "lilith/tensor.h"

namespace lilith::ops {

/// Error unless a tensor of this shape can be made with these options: sizes >= 0, bytes that can
/// be counted, a device that exists.
void check_factory(std::string_view op, const Shape& shape, const TensorOptions& options);

}  // namespace lilith::ops
