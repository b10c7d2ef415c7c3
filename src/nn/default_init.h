#pragma once
#include "lilith/tensor.h"

namespace lilith::detail {

/// Uniform in ±1/sqrt(fan_in): what torch.nn's linear and convolution layers start with
/// (kaiming_uniform with a = sqrt(5) for weights, the same bound for biases). Zeros when fan_in is
/// 0.
Tensor fan_in_uniform(const Shape& shape, std::int64_t fan_in, DType dtype);

}  // namespace lilith::detail
