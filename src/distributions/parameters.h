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

/// number * log_p, but 0 where number is 0, whatever log_p is there, and so the gradients.
Tensor times_log(const Tensor& number, const Tensor& log_p);

/// Uniform in (0, 1) on like's device: f64 beside f64, else f32, since halves round to 0 and 1.
Tensor uniform_like(const Shape& shape, const Tensor& like);

/// A draw of Gamma(concentration, 1), with the gradient to it; floats of f32 or f64.
Tensor standard_gamma(const Tensor& concentration);

}  // namespace lilith::distributions
