#pragma once
#include <initializer_list>

#include "lilith/tensor.h"

namespace lilith::detail {

/// Uniform in ±1/sqrt(fan_in): what torch.nn's linear and convolution layers start with
/// (kaiming_uniform with a = sqrt(5) for weights, the same bound for biases). Zeros when fan_in is
/// 0.
Tensor fan_in_uniform(const Shape& shape, std::int64_t fan_in, DType dtype);
/// The same anew, in place, so that ties stay. What is undefined stays so.
void reset_fan_in(std::int64_t fan_in, std::initializer_list<Tensor*> tensors);

}  // namespace lilith::detail
