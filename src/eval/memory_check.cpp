#include "eval/memory_check.h"

#include "lilith/error.h"
#include "runtime/device_memory.h"

namespace lilith {
namespace {

using schedule::BufferPlan;

double gib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

std::string whose(Device device) { return device == cpu() ? "this machine" : device.str(); }

}  // namespace

MemoryCheck::MemoryCheck(const schedule::Plan& plan, Device device) : device_(device) {
  const auto arena = static_cast<std::int64_t>(plan.arena_bytes);
  std::int64_t outside = 0;
  fresh_bytes_ = arena;
  for (const BufferPlan& b : plan.buffers) {
    const auto bytes = static_cast<std::int64_t>(b.bytes);
    // What may lie where an input does is not counted twice; a run that donates nothing is looked
    // at before it begins.
    if (b.kind != BufferPlan::Kind::Arena && b.donor < 0) outside += bytes;
    if (b.kind == BufferPlan::Kind::Output) fresh_bytes_ += bytes;
  }
  const std::int64_t limit = runtime::memory_of(device).limit_bytes();
  if (arena + outside <= limit) return;
  throw DeviceError(
      fmt::format(
          "eval: the program needs {:.1f} GiB (temporaries {:.1f} GiB, inputs and outputs {:.1f} "
          "GiB), {} grants {:.1f} GiB",
          gib(arena + outside), gib(arena), gib(outside), whose(device), gib(limit)),
      LocScope::current());
}

void MemoryCheck::before_run(const Placement& placement, std::span<const char> donated,
                             std::span<const StoragePtr> given) const {
  runtime::DeviceMemory& memory = runtime::memory_of(device_);
  const std::int64_t live = memory.live_bytes(), limit = memory.limit_bytes();
  const std::int64_t room = limit - live;
  if (fresh_bytes_ <= room) return;
  const std::int64_t bytes = fresh_bytes_ - placement.bytes_in_place(donated, given);
  if (bytes <= room) return;
  throw DeviceError(
      fmt::format("eval: the program needs {:.1f} GiB beside {:.1f} GiB that are live, {} grants "
                  "{:.1f} GiB",
                  gib(bytes), gib(live), whose(device_), gib(limit)),
      LocScope::current());
}

}  // namespace lilith
