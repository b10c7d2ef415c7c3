#pragma once
#include <array>

#include "lilith/tensor.h"

namespace lilith::ops {

/// Keys' cubic convolution with a = -0.75, as PyTorch's bicubic has it: the weights of the elements
/// at -1, 0, 1 and 2 for a place t in [0, 1).
std::array<Tensor, 4> cubic_weights(const Tensor& t);

}  // namespace lilith::ops
