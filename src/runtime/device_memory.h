#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

#include "lilith/memory.h"
#include "runtime/storage.h"

// Memory of whatever device: who holds a Storage need not know where it lies.
namespace lilith::runtime {

/// The memory of one device. From any thread. What it is asked for happens in that order, and in
/// the order of the programs that are launched there; `read` waits for all of it.
class DeviceMemory {
 public:
  virtual ~DeviceMemory();
  /// Uninitialised. DeviceError, which says what was asked for and what is held, when there is no
  /// room.
  virtual StoragePtr allocate(std::size_t bytes) = 0;
  /// From host memory, which may be changed afterwards.
  virtual void write(Storage& to, std::size_t offset, const void* from, std::size_t bytes) = 0;
  /// The same from memory of the host that stays as it is while it is held: the device may read it
  /// after the call and hold it until then. Else as write().
  virtual void upload(Storage& to, const StoragePtr& from, std::size_t bytes);
  /// To host memory.
  virtual void read(const Storage& from, std::size_t offset, void* to, std::size_t bytes) = 0;
  /// Between storages of this device, from their beginnings.
  virtual void copy(const Storage& from, Storage& to, std::size_t bytes) = 0;

  virtual MemoryStats stats() = 0;
  /// Of stats(), which may take longer.
  virtual std::int64_t live_bytes() { return stats().live_bytes; }
  virtual void reset_peak() = 0;
  virtual void release_cached() = 0;
  /// Bytes that programs may use at most.
  virtual std::int64_t limit_bytes() = 0;
};

/// DeviceError where there is no such device.
DeviceMemory& memory_of(Device device);
DeviceMemory& host_memory();

/// The same three, wherever the storages lie.
void write(Storage& to, std::size_t offset, const void* from, std::size_t bytes);
void read(const Storage& from, std::size_t offset, void* to, std::size_t bytes);
void copy(const Storage& from, Storage& to, std::size_t bytes);

/// write() of what a storage of the host begins with; it may be held, and read later.
void upload(Storage& to, const StoragePtr& from, std::size_t bytes);
/// Notes the range of the integers (i64) at `from`, which were just written to `to`: all of it. On
/// the host nobody asks.
void note_range(Storage& to, const void* from, std::size_t bytes);

/// New memory of one value all over, which `fill` writes to so many bytes of host memory: to a
/// device it goes in pieces, so that the host needs no room for all of it.
StoragePtr make_uniform(std::size_t bytes, Device device,
                        const std::function<void(void* to, std::size_t bytes)>& fill);
/// What a storage holds, in host memory: itself where it lies there, else a copy.
StoragePtr on_host(const StoragePtr& storage);
/// A copy on a device.
StoragePtr copied_to(const Storage& from, Device device);

}  // namespace lilith::runtime
