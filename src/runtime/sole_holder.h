#pragma once
#include <atomic>

#include "runtime/storage.h"

#if defined(__SANITIZE_THREAD__)
#define LILITH_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LILITH_TSAN
#endif
#endif

namespace lilith::runtime {

/// Whether so many pointers hold the memory, all of them the caller's: then it may be written to,
/// for whatever others read there happened before they let go.
inline bool held_by(const StoragePtr& storage, long holders) {
#ifdef LILITH_TSAN
  // ThreadSanitizer knows no fences: the copy's count is changed in order.
  if (StoragePtr(storage).use_count() != holders + 1) return false;
  return storage.use_count() == holders;
#else
  // The count is read in no order by itself.
  if (storage.use_count() != holders) return false;
  std::atomic_thread_fence(std::memory_order_acquire);
  return true;
#endif
}

}  // namespace lilith::runtime

#undef LILITH_TSAN
