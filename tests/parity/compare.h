#pragma once
#include <string>

#include "parity/golden.h"

namespace lilith::parity {

/// |got - expected| <= absolute * max(1, max|expected| if scaled) + relative * |expected|.
struct Tolerance {
  double absolute, relative;
  bool scaled;
};
inline constexpr Tolerance kF64{1e-9, 1e-9, false};
inline constexpr Tolerance kF32{1e-5, 1e-4, true};

/// What of `got` (evaluated, dense) differs from the expectation; empty when nothing does. Floating
/// results compare by value, others exactly and by dtype.
std::string difference(const Tensor& got, const Stored& expected, const Tolerance& tolerance);

}  // namespace lilith::parity
