#pragma once
#include <cstdint>
#include <vector>

#include "lilith/tensor.h"

namespace lilith::driver {

/// Evaluates what is pending of `outputs`, and stores what else is reachable and still held.
void evaluate(const std::vector<Tensor>& outputs);
/// Gives a constant node memory and makes it a data leaf, so that it can be a program's input.
void make_real(const Tensor& constant);

/// > 0 while this thread runs a function inside grad, vjp, …: evaluated nodes then keep their inputs, since
/// the gradient may still flow through them.
int& differentiation_depth();

void count_run(std::int64_t donated);
void count_trace();
void count_hit();

}  // namespace lilith::driver
