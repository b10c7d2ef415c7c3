#pragma once

namespace lilith {

/// Whether this CPU has AVX512-BF16: vdpbf16ps, a sum of two products of bf16 a lane.
bool has_bf16_dot();
/// AVX512-VNNI: vpdpbusd, a sum of four products of u8 and i8 a lane.
bool has_int8_dot();

}  // namespace lilith
