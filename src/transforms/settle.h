#pragma once
#include <span>

#include "lilith/model.h"

namespace lilith::ir {

/// > 0 while this thread runs a function inside grad, vjp, …: evaluated nodes then keep their
/// inputs, since a cotangent may still flow through them.
int& differentiation_depth();

/// Gives a constant node memory and makes it a data leaf, so that it can be a program's input.
void make_real(const Tensor& constant);
/// Evaluates the pending tensors of the models as one program, and makes their constants real.
void settle(std::span<const ConstModelRef> models);

}  // namespace lilith::ir
