#include "core/per_thread.h"

namespace lilith {

std::size_t thread_slot() {
  constexpr std::size_t kNone = kThreadSlots;
  static std::atomic<std::size_t> next{0};
  thread_local std::size_t slot = kNone;
  if (slot == kNone) slot = next.fetch_add(1, std::memory_order_relaxed) % kThreadSlots;
  return slot;
}

}  // namespace lilith
