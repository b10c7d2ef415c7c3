#include "runtime/denormals.h"

#include <atomic>

#include "lilith/runtime.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace lilith::runtime {
namespace {

#if defined(__x86_64__)
constexpr std::uint64_t kFlush = 0x8040;  // of results (FTZ) and of operands (DAZ)
std::uint64_t control() { return _mm_getcsr(); }
void set_control(std::uint64_t word) { _mm_setcsr(static_cast<unsigned>(word)); }
#elif defined(__aarch64__)
constexpr std::uint64_t kFlush = std::uint64_t{1} << 24;  // FZ: of both; halves stay as they are
std::uint64_t control() {
  std::uint64_t word;
  asm volatile("mrs %0, fpcr" : "=r"(word)::"memory");
  return word;
}
void set_control(std::uint64_t word) { asm volatile("msr fpcr, %0" ::"r"(word) : "memory"); }
#else
#error "denormals: unknown processor"
#endif

}  // namespace

DenormalMode::DenormalMode(bool flush) : before_(control()) {
  set_control(flush ? before_ | kFlush : before_ & ~kFlush);
}
DenormalMode::~DenormalMode() { set_control(before_); }

}  // namespace lilith::runtime

namespace lilith {
namespace {

std::atomic<bool> flush{true};

}  // namespace

void set_flush_denormal(bool on) { flush.store(on, std::memory_order_relaxed); }
bool flush_denormal() { return flush.load(std::memory_order_relaxed); }

}  // namespace lilith
