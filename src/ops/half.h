#pragma once
#include "core/compute_dtype.h"
#include "lilith/tensor.h"
#include "ops/primitives.h"

// Half precision: an op rounds once. What is one op to a user and several nodes here computes in
// f32 on f16 and bf16 operands and is rounded to their dtype at its end, as PyTorch's kernels are;
// sums that fit do not overflow on the way.
namespace lilith::ops {

/// The operand as composites compute with it; undefined stays undefined.
inline Tensor widened(const Tensor& x) {
  return x.defined() ? make_cast(x, compute_dtype(x.dtype())) : x;
}
/// A composite's result, computed on widened operands of `dtype`: rounded where that is a half.
inline Tensor narrowed(const Tensor& y, DType dtype) {
  return is_half(dtype) ? make_cast(y, dtype) : y;
}
/// f(x) as one op.
template <class F>
Tensor rounded_once(const Tensor& x, F&& f) {
  return narrowed(f(widened(x)), x.dtype());
}

}  // namespace lilith::ops
