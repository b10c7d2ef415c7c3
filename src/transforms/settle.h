#pragma once
#include <span>

#include "lilith/model.h"

namespace lilith::ir {

/// Gives a constant node memory and makes it a data leaf, so that it can be a program's input.
void make_real(const Tensor& constant);
/// Evaluates the pending tensors of the models as one program, and makes their constants real.
void settle(std::span<const ConstModelRef> models);

}  // namespace lilith::ir
