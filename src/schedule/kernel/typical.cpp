#include "schedule/kernel/typical.h"

#include <algorithm>
#include <utility>

namespace lilith::schedule {
namespace {

constexpr std::int64_t kFew = 16;

// Short strides matter as they are, and those at which lines compete for a place in the cache.
std::int64_t typical_stride(std::int64_t stride) {
  constexpr std::int64_t kShort = 16, kCompetes = 256;
  const std::int64_t length = stride < 0 ? -stride : stride;
  if (length < kShort || length % kCompetes == 0) return stride;
  std::int64_t most = 16 * kShort;
  while (most < length) most *= 16;
  const std::int64_t typical = most / 3;
  return stride < 0 ? -typical : typical;
}

}  // namespace

std::int64_t typical_extent(std::int64_t extent) {
  if (extent <= 1) return extent;
  std::int64_t most = kFew, typical = 8;
  for (; most < extent; most *= 16) typical = 4 * most;
  return typical;
}

ContractionSpec typical(ContractionSpec spec) {
  for (Axis& x : spec.axes) {
    if (x.varies) x.extent = typical_extent(x.extent);
    for (std::int64_t* stride : {&x.a, &x.b, &x.apart}) *stride = typical_stride(*stride);
  }
  spec.a_offset = spec.b_offset = 0;
  return spec;
}

ContractionSpec typical_if_varying(const ContractionSpec& spec) {
  return std::ranges::any_of(spec.axes, &Axis::varies) ? typical(spec) : spec;
}

ContractionSpec typical_or_more(ContractionSpec spec) {
  spec = typical(std::move(spec));
  for (Axis& x : spec.axes) {
    if (x.varies && x.extent > 1) x.extent = std::max(x.extent, kFew);
  }
  return spec;
}

}  // namespace lilith::schedule
