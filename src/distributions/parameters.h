#pragma once
#include <numbers>

#include "lilith/distributions.h"
#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/loss.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"

namespace lilith::distributions {

inline constexpr double kLogRoot2Pi = 0.91893853320467274178;  // log(2 pi) / 2

/// The parameter as a floating tensor. Error where it is a number outside of (0, inf).
Tensor floating_parameter(const char* distribution, const char* name, const Arg& x);
Tensor positive_parameter(const char* distribution, const char* name, const Arg& x);
/// Of the two that one is defined.
const Tensor& one_of(const char* distribution, const ProbsOrLogits& options);

/// Uniform in (0, 1), of like's dtype and device.
Tensor uniform_like(const Shape& shape, const Tensor& like);

/// A draw of Gamma(concentration, 1), with the gradient to it; floats of f32 or f64.
Tensor standard_gamma(const Tensor& concentration);

}  // namespace lilith::distributions
