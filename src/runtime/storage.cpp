#include "runtime/storage.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "core/per_thread.h"
#include "lilith/error.h"
#include "runtime/device_memory.h"
#include "runtime/fork.h"
#include "runtime/memory_limit.h"

namespace lilith {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr int kSubclasses = 4;  // classes per power of two: at most 25 % waste
constexpr int kNumClasses = 64 * kSubclasses;

struct SizeClass {
  int index;
  std::size_t bytes;
};

// 64, 80, 96, 112, 128, 160, … rounded up to the alignment; whole huge pages from 2 MiB on.
SizeClass size_class(std::size_t bytes) {
  if (bytes <= kAlignment) return {0, kAlignment};
  const int exponent = std::bit_width(bytes - 1) - 1;
  const std::size_t base = std::size_t{1} << exponent, step = base / kSubclasses;
  const std::size_t sub = (bytes - base + step - 1) / step;  // 1 … kSubclasses
  const std::size_t size = base + sub * step;
  const std::size_t unit = size >= kHugePage ? kHugePage : kAlignment;
  return {exponent * kSubclasses + static_cast<int>(sub), (size + unit - 1) / unit * unit};
}

void* system_allocate(std::size_t bytes) {
  const bool huge = bytes >= kHugePage;
  void* p = std::aligned_alloc(huge ? kHugePage : kAlignment, bytes);
  if (p && huge) madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}

/// Free blocks by size class. Thread-safe.
template <int kClasses>
class FreeLists {
 public:
  /// Null: there is none.
  void* pop(const SizeClass& c) {
    const std::lock_guard lock(mutex_);
    FreeBlock*& head = heads_[static_cast<std::size_t>(c.index)];
    FreeBlock* block = head;
    if (!block) return nullptr;
    head = block->next;
    bytes_ -= static_cast<std::int64_t>(c.bytes);
    return block;
  }
  /// False: more than `limit` bytes would be there.
  bool push(void* p, const SizeClass& c, std::int64_t limit) {
    const std::lock_guard lock(mutex_);
    if (bytes_ + static_cast<std::int64_t>(c.bytes) > limit) return false;
    FreeBlock*& head = heads_[static_cast<std::size_t>(c.index)];
    head = new (p) FreeBlock{head};
    bytes_ += static_cast<std::int64_t>(c.bytes);
    return true;
  }
  /// Gives all of them back to the system.
  void release() {
    const std::lock_guard lock(mutex_);
    for (FreeBlock*& head : heads_)
      while (FreeBlock* block = head) {
        head = block->next;
        std::free(block);
      }
    bytes_ = 0;
  }
  std::int64_t bytes() {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  struct FreeBlock {
    FreeBlock* next;
  };
  std::mutex mutex_;
  std::array<FreeBlock*, static_cast<std::size_t>(kClasses)> heads_{};
  std::int64_t bytes_ = 0;
};

constexpr std::size_t kSmallBytes = std::size_t{16} << 10;  // the largest of each thread's own
constexpr int kNumSmall = 13 * kSubclasses + kSubclasses + 1;
constexpr std::int64_t kMaxSmallBytes = std::int64_t{256} << 10;  // of one thread

/// Free lists: after the first step of a program no allocation reaches the system. Small blocks lie
/// in lists of each thread's own first, so that threads that run small programs do not wait for
/// each other.
class Pool {
 public:
  void* allocate(std::size_t bytes, bool count = true) {
    const SizeClass c = size_class(bytes);
    void* p = c.bytes <= kSmallBytes ? small_.mine().pop(c) : nullptr;
    if (!p) p = shared_.pop(c);
    if (!p) p = system_allocate(c.bytes);
    if (!p) {
      trim();
      p = system_allocate(c.bytes);
    }
    if (!p) {
      throw DeviceError(
          fmt::format("cpu: out of memory: {} bytes asked for, {} live", bytes, live_bytes()),
          LocScope::current());
    }
    if (count) add_live(static_cast<std::int64_t>(bytes));
    return p;
  }

  void free(void* p, std::size_t bytes, bool count = true) {
    const SizeClass c = size_class(bytes);
    if (count) live_.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
    const std::int64_t limit = runtime::cache_limit_bytes(peak_.load(std::memory_order_relaxed));
    if (c.bytes <= kSmallBytes && small_.mine().push(p, c, std::min(limit, kMaxSmallBytes))) return;
    if (shared_.push(p, c, limit)) return;
    trim();
    if (!shared_.push(p, c, limit)) std::free(p);
  }

  std::int64_t live_bytes() const { return live_.load(std::memory_order_relaxed); }
  MemoryStats stats() {
    MemoryStats now;
    now.live_bytes = live_bytes();
    now.peak_bytes = peak_.load(std::memory_order_relaxed);
    now.cached_bytes = shared_.bytes();
    small_.each([&](auto& lists) { now.cached_bytes += lists.bytes(); });
    return now;
  }
  void reset_peak() { peak_.store(live_bytes(), std::memory_order_relaxed); }
  void trim() {
    shared_.release();
    small_.each([](auto& lists) { lists.release(); });
  }
  void lock() {
    small_.each([](auto& lists) { lists.lock(); });
    shared_.lock();
  }
  void unlock() {
    shared_.unlock();
    small_.each([](auto& lists) { lists.unlock(); });
  }

 private:
  void add_live(std::int64_t bytes) {
    const std::int64_t live = live_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    std::int64_t peak = peak_.load(std::memory_order_relaxed);
    while (live > peak && !peak_.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
    }
  }

  PerThread<FreeLists<kNumSmall>> small_;
  FreeLists<kNumClasses + 1> shared_;
  std::atomic<std::int64_t> live_{0}, peak_{0};
};

// Never destroyed: tensors of static storage duration free into it.
Pool& pool() {
  static Pool* p = new Pool;
  return *p;
}

[[maybe_unused]] const bool fork_hooks =
    runtime::at_fork(runtime::LockOrder::Memory,
                     {[] { pool().lock(); }, [] { pool().unlock(); }, [] { pool().unlock(); }});

/// For shared_ptr's control blocks, which come and go with the storages.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(pool().allocate(n * sizeof(T), false)); }
  void deallocate(T* p, std::size_t n) { pool().free(p, n * sizeof(T), false); }
  bool operator==(const PoolAllocator&) const { return true; }
};

class PooledStorage final : public Storage {
 public:
  explicit PooledStorage(std::size_t bytes) {
    data_ = pool().allocate(bytes);
    bytes_ = bytes;
  }
  ~PooledStorage() override { pool().free(data_, bytes_); }
};

class BorrowedStorage final : public Storage {
 public:
  BorrowedStorage(void* data, std::size_t bytes, std::function<void()> deleter, bool watched)
      : deleter_(std::move(deleter)) {
    data_ = data;
    bytes_ = bytes;
    lend();
    watched_ = watched;
    if (watched) look();
  }
  ~BorrowedStorage() override {
    if (deleter_) deleter_();
  }

 private:
  std::function<void()> deleter_;
};

class HostMemory final : public runtime::DeviceMemory {
 public:
  StoragePtr allocate(std::size_t bytes) override { return Storage::allocate(bytes); }
  void write(Storage& to, std::size_t offset, const void* from, std::size_t bytes) override {
    runtime::write(to, offset, from, bytes);
  }
  void read(const Storage& from, std::size_t offset, void* to, std::size_t bytes) override {
    runtime::read(from, offset, to, bytes);
  }
  void copy(const Storage& from, Storage& to, std::size_t bytes) override {
    runtime::copy(from, to, bytes);
  }
  MemoryStats stats() override { return pool().stats(); }
  std::int64_t live_bytes() override { return pool().live_bytes(); }
  void reset_peak() override { pool().reset_peak(); }
  void release_cached() override { pool().trim(); }
  std::int64_t limit_bytes() override { return runtime::memory_limit_bytes(); }
};

}  // namespace

Storage::~Storage() = default;

std::shared_ptr<Storage> Storage::allocate(std::size_t bytes, Device device) {
  if (device != cpu()) return runtime::memory_of(device).allocate(bytes);
  return std::allocate_shared<PooledStorage>(PoolAllocator<PooledStorage>(), bytes);
}

std::shared_ptr<Storage> Storage::borrow(void* data, std::size_t bytes,
                                         std::function<void()> deleter) {
  return std::make_shared<BorrowedStorage>(data, bytes, std::move(deleter), false);
}

std::shared_ptr<Storage> Storage::borrow_watched(void* data, std::size_t bytes,
                                                 std::function<void()> deleter) {
  return std::make_shared<BorrowedStorage>(data, bytes, std::move(deleter), true);
}

std::uint64_t Storage::fingerprint() const {
  constexpr std::size_t kLine = 64, kLines = 1024;
  const auto* from = static_cast<const unsigned char*>(data_);
  std::uint64_t hash = bytes_;
  const auto mix = [&](std::size_t at, std::size_t n) {
    for (; n > 0;) {
      std::uint64_t word = 0;
      const std::size_t part = std::min(n, sizeof word);
      std::memcpy(&word, from + at, part);
      hash = std::rotl((hash ^ word) * 0x9e3779b97f4a7c15u, 29);
      at += part;
      n -= part;
    }
  };
  if (bytes_ <= kLine * kLines) {
    mix(0, bytes_);
  } else {
    const std::size_t step = (bytes_ - kLine) / (kLines - 1);
    for (std::size_t k = 0; k < kLines; ++k) mix(k * step, kLine);
  }
  return hash;
}

runtime::DeviceMemory& Storage::memory() const {
  return memory_ ? *memory_ : runtime::host_memory();
}

void* Storage::fail_off_host() const {
  throw InternalError("storage: the address of memory on " + device_.str() + " was asked for");
}

runtime::DeviceMemory& runtime::host_memory() {
  static auto* memory = new HostMemory;
  return *memory;
}

}  // namespace lilith
