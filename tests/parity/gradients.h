#pragma once
#include <vector>

#include "lilith/tensor.h"

namespace lilith::parity {

/// The gradients of sum(outputs * cotangents) by each input; zeros where nothing flows.
std::vector<Tensor> gradients(const std::vector<Tensor>& outputs,
                              const std::vector<Tensor>& cotangents,
                              const std::vector<Tensor>& inputs);

}  // namespace lilith::parity
