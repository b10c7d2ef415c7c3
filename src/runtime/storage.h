#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>

#include "lilith/device.h"

namespace lilith {

/// A block of memory on a device. Shared by the leaves that hold it; donated to a program (written
/// in place) only when its last holder gives it away and it was never lent out.
class Storage {
 public:
  /// Uninitialised memory, 64-byte aligned, from the runtime's free lists.
  static std::shared_ptr<Storage> allocate(std::size_t bytes, Device device = {});
  /// Borrows memory; `deleter` runs when the last holder goes. Never donated.
  static std::shared_ptr<Storage> borrow(void* data, std::size_t bytes,
                                         std::function<void()> deleter, Device device = {});
  virtual ~Storage();

  void* data() { return data_; }
  const void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  /// Set once its address was handed to the user (data(), DLPack); such memory is never written
  /// again.
  void lend() { lent_.store(true, std::memory_order_relaxed); }
  bool lent() const { return lent_.load(std::memory_order_relaxed); }

 protected:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device device_;
  std::atomic<bool> lent_{false};
};
using StoragePtr = std::shared_ptr<Storage>;

}  // namespace lilith
