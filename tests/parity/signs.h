#pragma once
#include <vector>

#include "parity/golden.h"

namespace lilith::parity {

/// Eigenvectors and singular vectors are given but for their signs: those of `values` are turned as
/// the stored ones are, before gradients are taken.
void turn_signs(const Sample& sample, const GoldenFile& file, DType floating,
                std::vector<Tensor>& values);

}  // namespace lilith::parity
