#pragma once
// How tensors, and what describes them, are printed: std::cout << x, fmt::print("{}", x).
#include <concepts>
#include <iosfwd>
#include <string>
#include <string_view>

#include "lilith/tensor.h"

namespace lilith {

std::ostream& operator<<(std::ostream& out, const Tensor& t);
/// "[2,3]", "f32", "cpu".
template <class T>
  requires(std::same_as<T, Shape> || std::same_as<T, DType> || std::same_as<T, Device>)
std::ostream& operator<<(std::ostream& out, const T& what) {
  if constexpr (std::same_as<T, DType>)
    return out << name(what);
  else
    return out << what.str();
}
/// The values as PyTorch prints them: "tensor([[1., 2.], [3., 4.]])", dtype (f64) when it is not
/// the default.
std::string to_string(const Tensor& t);

}  // namespace lilith

template <class T>
  requires(std::same_as<T, lilith::Shape> || std::same_as<T, lilith::DType> ||
           std::same_as<T, lilith::Device>)
struct fmt::formatter<T> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const T& what, Context& ctx) const {
    if constexpr (std::same_as<T, lilith::DType>)
      return fmt::formatter<std::string_view>::format(lilith::name(what), ctx);
    else
      return fmt::formatter<std::string_view>::format(what.str(), ctx);
  }
};
template <>
struct fmt::formatter<lilith::Tensor> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const lilith::Tensor& t, Context& ctx) const {
    return fmt::formatter<std::string_view>::format(lilith::to_string(t), ctx);
  }
};
