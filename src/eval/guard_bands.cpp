#include "eval/guard_bands.h"

#include <algorithm>
#include <vector>

#include "lilith/error.h"
#include "runtime/device_memory.h"

namespace lilith {
namespace {

using schedule::BufferPlan;
constexpr char kGuard = static_cast<char>(0xa5);

}  // namespace

template <class F>
void GuardBands::each(const Instance& instance, F&& f) const {
  if (bytes_ == 0) return;
  for (std::size_t b = 0; b < plan_.buffers.size(); ++b) {
    const BufferPlan& p = plan_.buffers[b];
    if (p.kind == BufferPlan::Kind::Arena && p.first >= 0) f(p, instance.buffers[b]);
  }
}

void GuardBands::fill(const Instance& instance) const {
  const std::vector<char> band(bytes_, kGuard);
  each(instance, [&](const BufferPlan& p, const Place& place) {
    runtime::write(*place.storage, place.offset + p.bytes, band.data(), bytes_);
  });
}

void GuardBands::check(const Instance& instance) const {
  std::vector<char> band(bytes_);
  each(instance, [&](const BufferPlan& p, const Place& place) {
    runtime::read(*place.storage, place.offset + p.bytes, band.data(), bytes_);
    const auto written = std::ranges::find_if(band, [](char c) { return c != kGuard; });
    if (written == band.end()) return;
    throw InternalError(fmt::format("a kernel wrote {} bytes behind {} {}", written - band.begin(),
                                    p.name, p.shape.str()));
  });
}

}  // namespace lilith
