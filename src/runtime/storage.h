#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "lilith/device.h"

namespace lilith {
namespace runtime {
class DeviceMemory;
}

/// A block of memory of a device. Shared by the leaves that hold it; donated to a program (written
/// in place) only when its last holder gives it away and it was never lent out.
class Storage {
 public:
  /// Uninitialised memory from the device's free lists; on the host 64-byte aligned.
  /// DeviceError when there is no such device, or no room.
  static std::shared_ptr<Storage> allocate(std::size_t bytes, Device device = {});
  /// Borrows memory; `deleter` runs when the last holder goes. Never donated.
  static std::shared_ptr<Storage> borrow(void* data, std::size_t bytes,
                                         std::function<void()> deleter);
  /// The same for memory that the user may write to again: see watched().
  static std::shared_ptr<Storage> borrow_watched(void* data, std::size_t bytes,
                                                 std::function<void()> deleter);
  virtual ~Storage();
  Storage(const Storage&) = delete;

  /// Its address. InternalError for memory that is not the host's: runtime/device_memory.h copies.
  void* data() { return is_on_host() ? data_ : fail_off_host(); }
  const void* data() const { return is_on_host() ? data_ : fail_off_host(); }
  bool is_on_host() const { return device_.kind == Device::Kind::Cpu; }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  /// What allocated it; of the host's own and of borrowed memory: the host's.
  runtime::DeviceMemory& memory() const;
  /// All integers (i64) that it holds lie there, both ends included.
  struct Range {
    std::int64_t least, most;
  };
  /// Of memory of a device that the host filled: nothing needs to be read to know it.
  const std::optional<Range>& range() const { return range_; }
  /// For whoever has just written, before others see it.
  void set_range(std::optional<Range> range) { range_ = range; }
  /// Set once its address was handed to the user (data(), DLPack); such memory is never written
  /// again.
  void lend() { lent_.store(true, std::memory_order_relaxed); }
  bool lent() const { return lent_.load(std::memory_order_relaxed); }
  /// Before memory of the host that others may have read is written to again: what was made of its
  /// contents is no longer up to date.
  void note_write() { writes_.fetch_add(1, std::memory_order_relaxed); }
  /// How often that happened so far.
  std::uint64_t writes() const { return writes_.load(std::memory_order_relaxed); }
  /// Borrowed from a user who may write there again, under lazy values that have not read it yet.
  bool watched() const { return watched_; }
  /// Of watched memory: whether it holds something else than when it was last looked at, as far as
  /// a sample of it shows (all of 64 KiB, 1024 lines of what is larger).
  bool changed() const { return fingerprint() != seen_.load(std::memory_order_relaxed); }
  void look() { seen_.store(fingerprint(), std::memory_order_relaxed); }

 protected:
  Storage() = default;
  /// Of a device that is not the host.
  Storage(runtime::DeviceMemory& memory, Device device, std::size_t bytes)
      : bytes_(bytes), device_(device), memory_(&memory) {}
  std::uint64_t fingerprint() const;
  [[noreturn]] void* fail_off_host() const;

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device device_;
  runtime::DeviceMemory* memory_ = nullptr;  // null: the host's
  std::optional<Range> range_;
  std::atomic<bool> lent_{false};
  bool watched_ = false;
  std::atomic<std::uint64_t> seen_{0}, writes_{0};
};
using StoragePtr = std::shared_ptr<Storage>;

}  // namespace lilith
