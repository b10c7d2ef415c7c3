#pragma once
#include "lilith/tensor.h"
#include "ops/primitives.h"

// Half precision: an op rounds once. What is one op to a user and several nodes here computes in
// f32 on f16 and bf16 operands and is rounded to their dtype at its end, as PyTorch's kernels are;
// sums that fit do not overflow on the way.
namespace lilith::ops {

inline bool is_half(DType d) { return d == DType::F16 || d == DType::BF16; }
/// The dtype that composites compute in: f32 for f16 and bf16, the dtype itself for others.
inline DType compute_type(DType d) { return is_half(d) ? DType::F32 : d; }

/// The operand as composites compute with it; undefined stays undefined.
inline Tensor widened(const Tensor& x) {
  return x.defined() ? make_cast(x, compute_type(x.dtype())) : x;
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
