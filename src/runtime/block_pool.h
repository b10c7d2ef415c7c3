#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "lilith/memory.h"
#include "runtime/fork.h"
#include "runtime/memory_limit.h"

namespace lilith::runtime {

/// Free blocks of a device's memory, by size, and what is held: after the first step of a program
/// no allocation reaches the driver. A block is free once the last program that uses it was
/// launched: who takes it over is launched later. Thread-safe.
template <class Block>
class BlockPool {
 public:
  /// A block of at least `bytes`: one that is free, or what `make(bytes)` gives. When that throws
  /// what is free is given back, and it is tried again.
  template <class Make>
  std::unique_ptr<Block> take(std::size_t bytes, Make&& make) {
    const Busy busy;
    const std::lock_guard lock(mutex_);
    const std::size_t rounded = round(bytes);
    std::unique_ptr<Block> block = pop(rounded);
    if (!block) block = make_block(rounded, make);
    stats_.live_bytes += static_cast<std::int64_t>(bytes);
    stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.live_bytes);
    return block;
  }

  /// `bytes`: as it was taken for.
  void give(std::unique_ptr<Block> block, std::size_t bytes) {
    const Busy busy;
    const std::lock_guard lock(mutex_);
    stats_.live_bytes -= static_cast<std::int64_t>(bytes);
    const std::size_t rounded = round(bytes);
    const std::int64_t limit = cache_limit_bytes(stats_.peak_bytes);
    if (stats_.cached_bytes + static_cast<std::int64_t>(rounded) > limit) release();
    stats_.cached_bytes += static_cast<std::int64_t>(rounded);
    free_[rounded].push_back(std::move(block));
  }

  MemoryStats stats() {
    const Busy busy;
    const std::lock_guard lock(mutex_);
    return stats_;
  }
  void reset_peak() {
    const Busy busy;
    const std::lock_guard lock(mutex_);
    stats_.peak_bytes = stats_.live_bytes;
  }
  void release_cached() {
    const Busy busy;
    const std::lock_guard lock(mutex_);
    release();
  }

 private:
  // To a quarter of the power of two below: at most 25 % are lost.
  static std::size_t round(std::size_t bytes) {
    std::size_t step = 64;
    while (step * 8 < bytes) step *= 2;
    return std::max<std::size_t>((bytes + step - 1) / step * step, step);
  }

  std::unique_ptr<Block> pop(std::size_t rounded) {
    const auto at = free_.find(rounded);
    if (at == free_.end() || at->second.empty()) return nullptr;
    std::unique_ptr<Block> block = std::move(at->second.back());
    at->second.pop_back();
    stats_.cached_bytes -= static_cast<std::int64_t>(rounded);
    return block;
  }

  template <class Make>
  std::unique_ptr<Block> make_block(std::size_t rounded, Make&& make) {
    if (stats_.cached_bytes > 0) {
      try {
        return make(rounded);
      } catch (const std::exception&) {
        release();
      }
    }
    return make(rounded);
  }

  void release() {
    free_.clear();
    stats_.cached_bytes = 0;
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<std::unique_ptr<Block>>> free_;
  MemoryStats stats_;
};

}  // namespace lilith::runtime
