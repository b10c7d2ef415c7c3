#include "runtime/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "runtime/cgroup.h"

namespace lilith::runtime {
namespace {

std::atomic<std::int64_t> lowered{0};

std::int64_t system_limit() {
  const std::int64_t physical =
      static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  return std::min(physical, Cgroup{}.memory_bytes().value_or(physical));
}

}  // namespace

std::int64_t memory_limit_bytes() {
  static const std::int64_t of_system = system_limit();
  const std::int64_t own = lowered.load(std::memory_order_relaxed);
  return own > 0 ? std::min(own, of_system) : of_system;
}

void set_memory_limit_bytes(std::int64_t bytes) { lowered.store(bytes, std::memory_order_relaxed); }

}  // namespace lilith::runtime
