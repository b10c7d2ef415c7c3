#pragma once
#include <string>
#include <string_view>

#include "lilith/attrs.h"

// The text of numbers and attrs, as the graph's printer writes and its parser reads it.
namespace lilith::ir {

/// The shortest text that reads back as the same double; always with a '.', an 'e', "inf" or "nan".
std::string real_text(double v);
/// true, 3, 2.5, f32, "text", [1,2].
std::string attr_text(const Attr& a);
/// Reads what attr_text wrote; Error with the reason when it is no attr.
Attr parse_attr(std::string_view text);

}  // namespace lilith::ir
