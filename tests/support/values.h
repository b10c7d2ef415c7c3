#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "lilith/ops/create.h"
#include "lilith/tensor.h"

// Tensors from numbers and back, whatever their dtype.
namespace lilith::testing {

using Doubles = std::vector<double>;
using Longs = std::vector<std::int64_t>;

/// f64 of this shape.
inline Tensor f64(const Doubles& v, const Shape& shape) {
  return from_data(v.data(), {static_cast<std::int64_t>(v.size())}).reshape(shape);
}
inline Tensor f64(const Doubles& v) { return f64(v, {static_cast<std::int64_t>(v.size())}); }
inline Tensor i64(const Longs& v) {
  return from_data(v.data(), {static_cast<std::int64_t>(v.size())});
}
inline Doubles doubles(const Tensor& t) { return t.to(kFloat64).to_vector<double>(); }
inline Longs longs(const Tensor& t) { return t.to(kInt64).to_vector<std::int64_t>(); }

/// Within the bound (1e-9 for f64, 1e-6 for others), which is relative to what is larger than 1.
inline void expect_near(const Tensor& got, const Doubles& want, std::optional<double> bound = {}) {
  const Doubles values = doubles(got);
  ASSERT_EQ(values.size(), want.size());
  const double most = bound.value_or(got.dtype() == kFloat64 ? 1e-9 : 1e-6);
  for (std::size_t k = 0; k < want.size(); ++k)
    EXPECT_NEAR(values[k], want[k], most * std::max(1.0, std::abs(want[k]))) << k;
}

}  // namespace lilith::testing
