#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lilith::io {

/// The decimal digits of a little-endian two's complement integer; "an integer of N bits" for one
/// beyond 2048 bits.
std::string decimal_of(std::span<const std::uint8_t> bytes);
bool is_integer(std::string_view digits);
/// Text as UTF-8 bytes of a code point.
void append_utf8(std::string& out, std::uint32_t code);
/// The text of a quoted Python 2 string ('a\n', "b"). False when it is malformed.
bool unescape_string(std::string_view quoted, std::string& out);
/// The text of Python's raw-unicode-escape encoding (\u0041; other bytes are latin-1).
bool unescape_unicode(std::string_view escaped, std::string& out);
/// UTF-8 whose code points are all below 256, as those bytes. False for other text.
bool to_latin1(std::string_view text, std::string& out);

}  // namespace lilith::io
