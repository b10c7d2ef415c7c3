#include "runtime/device_memory.h"

#include <algorithm>
#include <cstring>

#include "core/device_kinds.h"
#include "lilith/error.h"

namespace lilith {
namespace runtime {

DeviceMemory::~DeviceMemory() = default;

DeviceMemory& memory_of(Device device) {
  check_device("memory", device);
  return kind_of(device).memory(device.index);
}

void write(Storage& to, std::size_t offset, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  if (to.is_on_host())
    std::memcpy(static_cast<char*>(to.data()) + offset, from, bytes);
  else
    memory_of(to.device()).write(to, offset, from, bytes);
}

void read(const Storage& from, std::size_t offset, void* to, std::size_t bytes) {
  if (bytes == 0) return;
  if (from.is_on_host())
    std::memcpy(to, static_cast<const char*>(from.data()) + offset, bytes);
  else
    memory_of(from.device()).read(from, offset, to, bytes);
}

void copy(const Storage& from, Storage& to, std::size_t bytes) {
  if (bytes == 0) return;
  if (from.is_on_host()) {
    write(to, 0, from.data(), bytes);
  } else if (to.is_on_host()) {
    read(from, 0, to.data(), bytes);
  } else if (from.device() == to.device()) {
    memory_of(to.device()).copy(from, to, bytes);
  } else {  // no device reaches another's memory
    const StoragePtr between = Storage::allocate(bytes);
    read(from, 0, between->data(), bytes);
    write(to, 0, between->data(), bytes);
  }
}

StoragePtr make_filled(std::size_t bytes, Device device, const std::function<void(void*)>& fill) {
  StoragePtr host = Storage::allocate(bytes);
  fill(host->data());
  return device == cpu() ? host : copied_to(*host, device);
}

StoragePtr make_uniform(std::size_t bytes, Device device,
                        const std::function<void(void* to, std::size_t bytes)>& fill) {
  StoragePtr to = Storage::allocate(bytes, device);
  if (device == cpu()) {
    fill(to->data(), bytes);
    return to;
  }
  constexpr std::size_t kPiece = std::size_t{1} << 20;  // a multiple of every element's size
  const std::size_t size = std::min(bytes, kPiece);
  const StoragePtr piece = Storage::allocate(size);
  fill(piece->data(), size);
  for (std::size_t at = 0; at < bytes; at += kPiece)
    write(*to, at, piece->data(), std::min(kPiece, bytes - at));
  return to;
}

StoragePtr on_host(const StoragePtr& storage) {
  return storage->is_on_host() ? storage : copied_to(*storage, cpu());
}

StoragePtr copied_to(const Storage& from, Device device) {
  StoragePtr to = Storage::allocate(from.bytes(), device);
  copy(from, *to, from.bytes());
  return to;
}

}  // namespace runtime

MemoryStats memory_stats(Device device) { return runtime::memory_of(device).stats(); }
void reset_peak_memory(Device device) { runtime::memory_of(device).reset_peak(); }
void release_cached_memory(Device device) { runtime::memory_of(device).release_cached(); }

}  // namespace lilith
