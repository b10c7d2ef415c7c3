#pragma once
#include <concepts>
#include <type_traits>

#include <fmt/format.h>

namespace lilith {

namespace detail {
/// A bool where a number is due: false for every T, once it is asked.
template <class T>
inline constexpr bool is_a_number = !std::same_as<T, bool>;
}  // namespace detail

/// A number as a function's parameter. It takes no bool: the `true` of dropout(x, true) or of
/// elu(x, true) belongs to another parameter of PyTorch's list, and would be read as 1.
class Real {
 public:
  template <class T>
    requires(std::is_arithmetic_v<T> && !std::same_as<T, bool>)
  constexpr Real(T value) : value_(static_cast<double>(value)) {}
  template <std::same_as<bool> T>
  Real(T) {
    static_assert(detail::is_a_number<T>,
                  "lilith: a bool stands where a number is due and would be read as 0 or 1; look "
                  "up the order of the function's parameters");
  }
  constexpr operator double() const { return value_; }

 private:
  double value_ = 0;
};

}  // namespace lilith

template <>
struct fmt::formatter<lilith::Real> : fmt::formatter<double> {
  template <class Context>
  auto format(lilith::Real x, Context& ctx) const {
    return fmt::formatter<double>::format(x, ctx);
  }
};
