#pragma once
#include <initializer_list>
#include <vector>

#include "core/autocast_state.h"
#include "lilith/tensor.h"

// What autocast (lilith/autocast.h) makes of the operands of a public function; they stay as they
// are where it is off. Of floats but f64 alone.
namespace lilith::ops {

/// For products and what is made of them: in autocast's dtype.
Tensor lowered(const Tensor& x);
Arg lowered(const Arg& x);
/// For what would lose too much in a half: those in f32.
Tensor lifted(const Tensor& x);
Arg lifted(const Arg& x);
/// The dtype of their result.
DType lifted(DType dtype);
/// For what takes operands of one dtype: the widest of them.
void meet(std::initializer_list<Tensor*> operands);
void meet(std::vector<Tensor>& operands);

}  // namespace lilith::ops
