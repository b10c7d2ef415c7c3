#pragma once
#include <cstdint>
#include <vector>

#include "lilith/tensor.h"

namespace lilith::driver {

/// Evaluates what is pending of `outputs`, and stores what else is reachable and still held.
void evaluate(const std::vector<Tensor>& outputs);

void count_run(std::int64_t donated);
void count_trace();
void count_hit();

}  // namespace lilith::driver
