#include "lilith/autocast.h"

#include "core/autocast_state.h"
#include "core/compute_dtype.h"

namespace lilith {

std::optional<DType>& autocast_state() {
  thread_local std::optional<DType> dtype;
  return dtype;
}

std::optional<DType> autocast_dtype() { return autocast_state(); }

Autocast::Autocast(DType dtype, bool enabled, std::source_location loc) : saved_(autocast_state()) {
  const LocScope scope(loc, "autocast");
  LILITH_CHECK(is_half(dtype), "autocast: got {}; need bf16 or f16", name(dtype));
  autocast_state() = enabled ? std::optional(dtype) : std::nullopt;
}

Autocast::Autocast(std::optional<DType> dtype, std::source_location loc)
    : Autocast(dtype.value_or(DType::BF16), dtype.has_value(), loc) {
  if (!dtype) autocast_state() = saved_;
}

Autocast::~Autocast() { autocast_state() = saved_; }

}  // namespace lilith
