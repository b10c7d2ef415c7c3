#pragma once
#include <cstdint>

namespace lilith {

/// What products and convolutions of f32 may round their operands to. `highest`: nothing; `high`:
/// TF32, within 1e-3 |row| |column| of the exact sum; `medium`: bf16, within 8e-3. Tensor cores do;
/// a CPU transforms 3x3 convolutions, to 1e-5. Ref: torch.set_float32_matmul_precision.
enum class Precision : std::uint8_t { highest, high, medium };

/// Sets it for all threads: evaluations and calls of compiled functions from now on use a program
/// of this setting, which is compiled once. Unset: LILITH_PRECISION, else `high`. Sums are of f32
/// under every value; f16 and bf16 are multiplied exactly.
void set_precision(Precision precision);
/// The value that was set last.
Precision precision();

}  // namespace lilith
