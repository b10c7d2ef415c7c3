// Replaces malloc and its kin in this binary, for liblilith too, to count calls.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "step/allocation_counter.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define LILITH_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LILITH_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef LILITH_COUNTS_ALLOCATIONS
#define LILITH_COUNTS_ALLOCATIONS 1
#endif

namespace {

std::atomic<bool> counting{false};
std::atomic<std::int64_t> calls{0}, total_bytes{0};

#if LILITH_COUNTS_ALLOCATIONS
void note(std::size_t n) {
  if (!counting.load(std::memory_order_relaxed)) return;
  calls.fetch_add(1, std::memory_order_relaxed);
  total_bytes.fetch_add(static_cast<std::int64_t>(n), std::memory_order_relaxed);
}
#endif

}  // namespace

#if LILITH_COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t n) {
  note(n);
  return __libc_malloc(n);
}
void* calloc(std::size_t count, std::size_t n) {
  note(count * n);
  return __libc_calloc(count, n);
}
void* realloc(void* p, std::size_t n) {
  note(n);
  return __libc_realloc(p, n);
}
void* memalign(std::size_t alignment, std::size_t n) {
  note(n);
  return __libc_memalign(alignment, n);
}
void* aligned_alloc(std::size_t alignment, std::size_t n) {
  note(n);
  return __libc_memalign(alignment, n);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t n) {
  note(n);
  *out = __libc_memalign(alignment, n);
  return *out == nullptr ? ENOMEM : 0;
}
}
#endif

namespace lilith::testing {

AllocationCounter::AllocationCounter() {
  calls = 0;
  total_bytes = 0;
  counting = true;
}
AllocationCounter::~AllocationCounter() { counting = false; }
bool AllocationCounter::available() { return LILITH_COUNTS_ALLOCATIONS != 0; }
std::int64_t AllocationCounter::count() const { return calls; }
std::int64_t AllocationCounter::bytes() const { return total_bytes; }

}  // namespace lilith::testing
