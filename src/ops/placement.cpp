#include "lilith/detail/placement.h"

#include "lilith/devices.h"
#include "lilith/error.h"

namespace lilith::detail {

ValueOptions options_of_word(std::string_view word, const std::optional<Device>& device, Loc loc) {
  const LocScope scope(loc, nullptr);
  if (const auto dtype = dtype_from_word(word)) return {dtype, device.value_or(Device())};
  constexpr std::string_view kDevices[] = {"cpu", "cuda", "opencl", "best"};
  bool known = false;
  for (const auto& row : device_kinds())
    known = known || word.substr(0, word.find(':')) == row.name;
  for (const auto name : kDevices) known = known || word.substr(0, word.find(':')) == name;
  LILITH_CHECK(known,
               "dtype: \"{}\" is neither a dtype nor a device; need a word like \"float32\", "
               "\"int64\", \"bool\", \"cpu\" or \"cuda:0\"",
               word);
  return {std::nullopt, parse_device(std::string(word))};
}

TensorOptions with_word(TensorOptions options, std::string_view word, Loc loc) {
  const ValueOptions o = options_of_word(word, options.device, loc);
  return {o.dtype.value_or(options.dtype), o.device, options.generator};
}

}  // namespace lilith::detail
