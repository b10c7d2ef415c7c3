#pragma once
#include <cstdint>
#include <string_view>

#include "lilith/detail/choice.h"

// What methods of tensors choose by a constant or by PyTorch's word.
namespace lilith {

namespace detail {
struct RoundingNames {
  enum class Kind : std::uint8_t { None, Trunc, Floor };
  static constexpr Kind None = Kind::None, Trunc = Kind::Trunc, Floor = Kind::Floor;
  static constexpr const char* what = "rounding_mode";
  static constexpr std::string_view words[] = {"none", "trunc", "floor"};
};
}  // namespace detail
/// How div rounds: RoundingMode::Floor, or "floor".
using RoundingMode = detail::Choice<detail::RoundingNames>;

namespace detail {
struct ScatterNames {
  enum class Kind : std::uint8_t { Sum, Prod, Mean, Amax, Amin };
  static constexpr Kind Sum = Kind::Sum, Prod = Kind::Prod, Mean = Kind::Mean, Amax = Kind::Amax,
                        Amin = Kind::Amin;
  static constexpr const char* what = "reduce";
  static constexpr std::string_view words[] = {"sum", "prod", "mean", "amax", "amin"};
};
struct QuantileNames {
  enum class Kind : std::uint8_t { Linear, Lower, Higher, Midpoint, Nearest };
  static constexpr Kind Linear = Kind::Linear, Lower = Kind::Lower, Higher = Kind::Higher,
                        Midpoint = Kind::Midpoint, Nearest = Kind::Nearest;
  static constexpr const char* what = "interpolation";
  static constexpr std::string_view words[] = {"linear", "lower", "higher", "midpoint", "nearest"};
};
}  // namespace detail
/// What scatter_reduce combines elements by: ScatterReduction::Sum, or "sum".
using ScatterReduction = detail::Choice<detail::ScatterNames>;
/// Where a quantile between two elements lies: QuantileInterpolation::Linear, or "linear".
using QuantileInterpolation = detail::Choice<detail::QuantileNames>;

}  // namespace lilith
