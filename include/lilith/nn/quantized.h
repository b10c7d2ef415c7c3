#pragma once
#include "lilith/nn/linear.h"

namespace lilith {

/// A Linear for inference, its weight in int8: a quarter of the memory. Each row of the weight (an
/// output) and each row of x has a scale, its largest size over 127, and is rounded to whole
/// numbers of it; these are multiplied and summed exactly in i32, with AVX512-VNNI where there is
/// some. x [..., in] -> [..., out] of x's dtype. With the scales s of a row of x and t of one of
/// the weight an output is within sum(|x| t/2 + |weight| s/2 + s t/4), beside f32's rounding, of
/// Linear's. No gradient passes. Errors: a weight that is not finite, or of more than 66,000
/// inputs, whose sums would not fit. Ref: torch.ao.quantization.quantize_dynamic.
class QuantizedLinear {
 public:
  explicit QuantizedLinear(const Linear& linear, SourceLocation loc = SourceLocation::current());
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  /// The f32 weight that the int8 one stands for: [out, in].
  Tensor dequantized_weight() const;

  Buffer weight, scale, bias;  // i8 [out, in], f32 [out], f32 [out] or none
  Buffer weight_sum;           // i32 [out]
  LILITH_FIELDS(weight, scale, bias, weight_sum)
};

}  // namespace lilith
