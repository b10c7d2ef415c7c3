#pragma once
#include <cstdint>

namespace lilith {

/// How much of a contraction's accuracy may be traded for speed. Every schedule that exists keeps
/// the accuracy of `highest`; `high` and `medium` allow more, and require nothing. Ref:
/// jax.default_matmul_precision, torch.set_float32_matmul_precision.
enum class Precision : std::uint8_t { highest, high, medium };

/// Sets what programs may trade from now on, in every thread: evaluations and calls of compiled
/// functions use a program of this setting, which is compiled once. The default is `high`. No
/// schedule reads it yet: results are those of `highest` under every value.
void set_precision(Precision precision);
/// The value that was set last.
Precision precision();

}  // namespace lilith
