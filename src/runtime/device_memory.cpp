#include "runtime/device_memory.h"

#include <algorithm>
#include <cstring>

#include "core/device_kinds.h"
#include "lilith/error.h"

namespace lilith {
namespace runtime {

DeviceMemory::~DeviceMemory() = default;

void DeviceMemory::upload(Storage& to, const StoragePtr& from, std::size_t bytes) {
  write(to, 0, from->data(), bytes);
}

DeviceMemory& memory_of(Device device) {
  check_device("memory", device);
  return kind_of(device).memory(device.index);
}

void write(Storage& to, std::size_t offset, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  if (to.is_on_host()) {
    to.note_write();
    std::memcpy(static_cast<char*>(to.data()) + offset, from, bytes);
  } else {
    to.set_range({});
    to.memory().write(to, offset, from, bytes);
  }
}

void read(const Storage& from, std::size_t offset, void* to, std::size_t bytes) {
  if (bytes == 0) return;
  if (from.is_on_host())
    std::memcpy(to, static_cast<const char*>(from.data()) + offset, bytes);
  else
    from.memory().read(from, offset, to, bytes);
}

void copy(const Storage& from, Storage& to, std::size_t bytes) {
  if (bytes == 0) return;
  if (from.is_on_host()) {
    write(to, 0, from.data(), bytes);
  } else if (to.is_on_host()) {
    to.note_write();
    read(from, 0, to.data(), bytes);
  } else if (from.device() == to.device()) {
    to.memory().copy(from, to, bytes);
    to.set_range(from.range());
  } else {  // no device reaches another's memory
    const StoragePtr between = Storage::allocate(bytes);
    read(from, 0, between->data(), bytes);
    write(to, 0, between->data(), bytes);
    to.set_range(from.range());
  }
}

void upload(Storage& to, const StoragePtr& from, std::size_t bytes) {
  const bool may_change = from->lent() || from->watched();  // the user has its address
  if (to.is_on_host() || may_change || bytes == 0) return write(to, 0, from->data(), bytes);
  to.set_range({});
  to.memory().upload(to, from, bytes);
}

void note_range(Storage& to, const void* from, std::size_t bytes) {
  const auto* values = static_cast<const std::int64_t*>(from);
  const std::size_t n = bytes / sizeof *values;
  if (to.is_on_host() || n == 0) return;
  const auto [least, most] = std::minmax_element(values, values + n);
  to.set_range(Storage::Range{*least, *most});
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

MemoryStats memory_stats(Device device, std::source_location loc) {
  const LocScope scope(loc);
  return runtime::memory_of(device).stats();
}
void reset_peak_memory(Device device, std::source_location loc) {
  const LocScope scope(loc);
  runtime::memory_of(device).reset_peak();
}
void release_cached_memory(Device device, std::source_location loc) {
  const LocScope scope(loc);
  runtime::memory_of(device).release_cached();
}

}  // namespace lilith
