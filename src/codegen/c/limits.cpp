#include "codegen/c/limits.h"

#include "core/device_kinds.h"

namespace lilith::codegen::c {
namespace {

constexpr std::size_t kPlaceBytes = 16;  // a pointer and an offset

}  // namespace

void check_threads(const std::string& kernel, const Entry& entry, const std::string& device,
                   std::size_t most) {
  if (static_cast<std::size_t>(entry.threads) <= most) return;
  throw TooLarge(fmt::format("codegen: kernel {} has {} threads a block, {} runs at most {} of it",
                             kernel, entry.threads, device, most),
                 LocScope::current());
}

void check_limits(const kir::Kernel& kernel, const Entry& entry, const Limits& limits) {
  const std::size_t places = entry.params.size() + (entry.scratch_bytes > 0 ? 1 : 0);
  if (kPlaceBytes * places > limits.param_bytes) {
    throw DeviceError(
        fmt::format("codegen: kernel {} takes {} buffers, a kernel of {} at most {}", kernel.name,
                    places, limits.device, limits.param_bytes / kPlaceBytes),
        LocScope::current());
  }
  check_threads(kernel.name, entry, limits.device, limits.threads);
  if (static_cast<std::size_t>(entry.local_bytes) <= limits.local_bytes) return;
  throw TooLarge(fmt::format("codegen: kernel {} takes {} bytes of local memory, {} has {}",
                             kernel.name, entry.local_bytes, limits.device, limits.local_bytes),
                 LocScope::current());
}

}  // namespace lilith::codegen::c
