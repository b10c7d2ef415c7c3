#pragma once
#include <cstdint>
#include <vector>

namespace lilith::io {

enum class GgufGrid : std::uint8_t { Iq2Xxs, Iq2Xs, Iq2S, Iq3Xxs, Iq3S, Iq1S };

/// The rows that an IQ type's indices pick, one after the other: 8 values each, 4 for IQ3.
const std::vector<float>& gguf_grid(GgufGrid grid);

}  // namespace lilith::io
