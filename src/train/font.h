#pragma once
#include <cstdint>

namespace lilith::train {

inline constexpr int kGlyphWidth = 5, kGlyphHeight = 7;

/// The seven rows of a character of the built-in font; bit 4 is the leftmost pixel.
const std::uint8_t* glyph(char c);

}  // namespace lilith::train
