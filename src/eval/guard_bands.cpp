#include "eval/guard_bands.h"

#include <algorithm>
#include <cstring>

#include "lilith/error.h"

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
    if (p.kind == BufferPlan::Kind::Arena && p.first >= 0) f(p, instance.buffers[b] + p.bytes);
  }
}

void GuardBands::fill(const Instance& instance) const {
  each(instance, [&](const BufferPlan&, char* band) { std::memset(band, kGuard, bytes_); });
}

void GuardBands::check(const Instance& instance) const {
  each(instance, [&](const BufferPlan& p, const char* band) {
    const char* end = band + bytes_;
    const char* written = std::find_if(band, end, [](char c) { return c != kGuard; });
    if (written == end) return;
    throw InternalError(
        fmt::format("a kernel wrote {} bytes behind {} {}", written - band, p.name, p.shape.str()));
  });
}

}  // namespace lilith
