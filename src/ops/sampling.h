#pragma once
#include "lilith/tensor.h"

namespace lilith::ops {

/// Uniform in (0, 1): of f32 or f64.
Tensor open_uniform(const Shape& shape, DType dtype, Device device);

}  // namespace lilith::ops
