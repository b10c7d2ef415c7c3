#pragma once

namespace lilith {

/// Whether this CPU has AVX512-BF16: vdpbf16ps, a sum of pairs of products of bf16.
bool has_bf16_dot();

}  // namespace lilith
