#pragma once
#include <vector>

#include "lilith/tensor.h"

namespace lilith {

/// Cotangents of `wanted` given those of `outputs`: a reverse walk over the nodes between them. An
/// undefined cotangent means that nothing flows, by structure; undefined tensors among `wanted` get
/// one. `what` is the transform that errors name. Error when a cotangent reaches an op without a
/// vjp.
std::vector<Tensor> backpropagate(const std::vector<Tensor>& outputs,
                                  const std::vector<Tensor>& cts, const std::vector<Tensor>& wanted,
                                  const char* what);

}  // namespace lilith
