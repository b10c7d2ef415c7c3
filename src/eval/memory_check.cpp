#include "eval/memory_check.h"

#include "lilith/error.h"
#include "lilith/memory.h"
#include "runtime/memory_limit.h"

namespace lilith {
namespace {

using schedule::BufferPlan;

double gib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

}  // namespace

MemoryCheck::MemoryCheck(const schedule::Plan& plan) {
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
  const std::int64_t limit = runtime::memory_limit_bytes();
  if (arena + outside <= limit) return;
  throw DeviceError(
      fmt::format(
          "eval: the program needs {:.1f} GiB (temporaries {:.1f} GiB, inputs and outputs {:.1f} "
          "GiB), this machine grants {:.1f} GiB",
          gib(arena + outside), gib(arena), gib(outside), gib(limit)),
      LocScope::current());
}

void MemoryCheck::before_run(const Placement& placement, std::span<const char> donated,
                             std::span<const StoragePtr> given) const {
  const std::int64_t room = runtime::memory_limit_bytes() - memory_stats().live_bytes;
  if (fresh_bytes_ <= room) return;
  const std::int64_t bytes = fresh_bytes_ - placement.bytes_in_place(donated, given);
  if (bytes <= room) return;
  throw DeviceError(
      fmt::format("eval: the program needs {:.1f} GiB beside {:.1f} GiB that are live, this "
                  "machine grants {:.1f} GiB",
                  gib(bytes), gib(memory_stats().live_bytes), gib(runtime::memory_limit_bytes())),
      LocScope::current());
}

}  // namespace lilith
