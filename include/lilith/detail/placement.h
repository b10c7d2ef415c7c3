#pragma once
#include <concepts>
#include <optional>
#include <string_view>
#include <type_traits>

#include "lilith/device.h"
#include "lilith/dtype.h"
#include "lilith/error.h"
#include "lilith/generator.h"

namespace lilith {

/// Options of the creating functions: zeros({2, 3}, {.dtype = kFloat64}).
struct TensorOptions {
  DType dtype = DType::F32;
  Device device = {};
  std::optional<RandomGenerator> generator = {};  // of random values; none: the process's
};

/// The same of functions whose dtype follows their numbers unless it is given: arange, full,
/// tensor.
struct ValueOptions {
  std::optional<DType> dtype = {};
  Device device = {};
};

namespace detail {

template <class T>
concept Word = std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;
/// What stands in the place of options, as in PyTorch: a dtype, a device, or the word for one.
template <class T>
concept Placement =
    std::same_as<T, DType> || std::same_as<T, Device> || std::same_as<T, TensorOptions> || Word<T>;

/// Options with one of these set. Error for a word that is neither a dtype's nor a device's.
TensorOptions with_word(TensorOptions options, std::string_view word, Loc loc);
template <Word W>
TensorOptions with(const TensorOptions& options, const W& word, Loc loc) {
  return with_word(options, word, loc);
}
inline TensorOptions with(TensorOptions options, DType dtype, Loc) {
  options.dtype = dtype;
  return options;
}
inline TensorOptions with(TensorOptions options, Device device, Loc) {
  options.device = device;
  return options;
}
inline TensorOptions with(const TensorOptions&, const TensorOptions& given, Loc) { return given; }
/// What a word says, and nothing of the other. Error for a word of a device beside another one.
ValueOptions options_of_word(std::string_view word, const std::optional<Device>& device, Loc loc);
/// The first. Error where the second is another.
Device one_device(Device first, const std::optional<Device>& second, Loc loc);
template <Placement P>
TensorOptions placed(DType usual, const P& what, const std::optional<Device>& device, Loc loc) {
  if constexpr (Word<P>) {
    const ValueOptions o = options_of_word(what, device, loc);
    return {.dtype = o.dtype.value_or(usual), .device = o.device};
  } else {
    TensorOptions o = with(TensorOptions{.dtype = usual}, what, loc);
    const bool has_one = std::same_as<P, Device> || o.device != Device();
    o.device = one_device(has_one ? o.device : device.value_or(Device()), device, loc);
    return o;
  }
}
inline TensorOptions placed(DType usual, const ValueOptions& o) {
  return {.dtype = o.dtype.value_or(usual), .device = o.device};
}

}  // namespace detail
}  // namespace lilith
