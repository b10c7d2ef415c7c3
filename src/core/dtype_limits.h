#pragma once
#include <cstdint>
#include <limits>

#include "lilith/dtype.h"

// What a dtype holds at most.
namespace lilith {

/// The least number of an integer dtype or bool.
constexpr std::int64_t least_integer(DType d) {
  if (d == DType::Bool || d == DType::U8) return 0;
  return std::numeric_limits<std::int64_t>::min() >> (64 - 8 * size_of(d));
}
/// The largest one.
constexpr std::int64_t largest_integer(DType d) {
  return d == DType::Bool ? 1 : d == DType::U8 ? 255 : ~least_integer(d);
}
/// The largest finite number of a floating dtype.
constexpr double largest_finite(DType d) {
  switch (d) {
    case DType::F16:
      return 65504;
    case DType::BF16:
      return 0x1.fep127;
    case DType::F32:
      return std::numeric_limits<float>::max();
    default:
      return std::numeric_limits<double>::max();
  }
}

/// What a maximum starts from: -inf, or the least integer.
constexpr double lowest(DType d) {
  return is_floating(d) ? -std::numeric_limits<double>::infinity()
                        : static_cast<double>(least_integer(d));
}
/// What a minimum starts from: inf, or the largest integer (2^63 of i64).
constexpr double highest(DType d) {
  return is_floating(d) ? std::numeric_limits<double>::infinity()
                        : static_cast<double>(largest_integer(d));
}

}  // namespace lilith
