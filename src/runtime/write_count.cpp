#include "runtime/write_count.h"

#include <array>
#include <atomic>

namespace lilith::runtime {
namespace {

constexpr std::size_t kCounts = 4096;

std::atomic<std::uint64_t>& count_of(const Storage& storage) {
  static std::array<std::atomic<std::uint64_t>, kCounts> counts{};
  return counts[reinterpret_cast<std::uintptr_t>(&storage) / 64 % kCounts];
}

}  // namespace

void note_write(const Storage& storage) {
  count_of(storage).fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t write_count(const Storage& storage) {
  return count_of(storage).load(std::memory_order_relaxed);
}

}  // namespace lilith::runtime
