#include "lilith/detail/placement.h"

#include "lilith/devices.h"
#include "lilith/error.h"

namespace lilith::detail {

ValueOptions options_of_word(std::string_view word, const std::optional<Device>& device, Loc loc) {
  const LocScope scope(loc, nullptr);
  if (const auto dtype = dtype_from_word(word)) return {dtype, device.value_or(Device())};
  LILITH_CHECK(is_device_word(word),
               "dtype: \"{}\" is neither a dtype nor a device; need a word like \"float32\", "
               "\"int64\", \"bool\", \"cpu\" or \"cuda:0\"",
               word);
  return {std::nullopt, one_device(parse_device(std::string(word)), device, loc)};
}

Device one_device(Device first, const std::optional<Device>& second, Loc loc) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(!second || *second == first, "device: two are given, {} and {}; need one",
               first.str(), second ? second->str() : "");
  return first;
}

TensorOptions with_word(TensorOptions options, std::string_view word, Loc loc) {
  const ValueOptions o = options_of_word(word, {}, loc);
  return {o.dtype.value_or(options.dtype), o.dtype ? options.device : o.device, options.generator};
}

}  // namespace lilith::detail
