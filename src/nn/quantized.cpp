#include "lilith/nn/quantized.h"

#include "core/autocast_state.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/half.h"

namespace lilith {

namespace {

constexpr double kLargest = 127;
constexpr double kZero = 128;  // what stands for 0 where rows are unsigned, as VNNI wants them
constexpr std::int64_t kMostInputs = 66000;  // terms of 255 * 127 in an i32

// Rows of x as whole numbers of a scale: x is about values * scale. A row of zeros has the scale 1;
// a NaN makes its row's scale one.
struct Rows {
  Tensor values, scale;  // f32 as x, whole; f32 with a last dimension of 1
};
Rows quantized_rows(const Tensor& x) {
  const Tensor largest = amax(abs(x), -1, true);
  const Tensor scale = where(largest == 0, ones_like(largest), largest / kLargest);
  return {round(x / scale), scale};
}

}  // namespace

QuantizedLinear::QuantizedLinear(const Linear& linear, SourceLocation loc) {
  const LocScope scope(loc, "QuantizedLinear");
  const Tensor w = ops::widened(linear.weight);
  LILITH_CHECK(w.defined() && w.ndim() == 2 && w.dtype() == DType::F32,
               "QuantizedLinear: the weight is {}; need f16, bf16 or f32 of [out, in]",
               w.defined() ? linear.weight.aval().str() : "undefined");
  LILITH_CHECK(w.size(1) > 0 && w.size(1) <= kMostInputs,
               "QuantizedLinear: the weight is {}; need 1 to {} inputs", w.aval().str(),
               kMostInputs);
  LILITH_CHECK(isfinite(w).all().item<bool>(),
               "QuantizedLinear: the weight {} holds a NaN or an infinity", w.aval().str());
  const Rows rows = quantized_rows(w);
  weight = rows.values.to(DType::I8);
  weight_sum = sum(rows.values.to(DType::I32), -1, false, DType::I32);
  this->scale = squeeze(rows.scale, -1);
  if (linear.bias.defined()) bias = ops::widened(linear.bias);
}

Tensor QuantizedLinear::operator()(const Tensor& given, SourceLocation loc) const {
  const LocScope line(loc, "QuantizedLinear");
  const AutocastOff inside;
  const Tensor x = stop_gradient(ops::widened(given)), w = weight;
  LILITH_CHECK(x.dtype() == DType::F32 && x.ndim() >= 1 && x.size(-1) == w.size(1),
               "QuantizedLinear: x is {}; need f16, bf16 or f32 of [..., {}]", given.aval().str(),
               w.size(1));
  const Rows rows = quantized_rows(x);
  const Tensor raised = (rows.values + kZero).to(DType::U8);
  const Tensor sums =
      dot_general(raised.to(DType::I32), w.to(DType::I32), {}, {}, {x.ndim() - 1}, {1}) -
      Tensor(weight_sum) * static_cast<int>(kZero);
  Tensor y = sums.to(DType::F32) * rows.scale * Tensor(scale);
  if (bias.defined()) y = y + Tensor(bias);
  return ops::narrowed(y, given.dtype());
}

Tensor QuantizedLinear::dequantized_weight() const {
  return Tensor(weight).to(DType::F32) * unsqueeze(Tensor(scale), -1);
}

}  // namespace lilith
