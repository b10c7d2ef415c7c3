#include "runtime/cuda/uploads.h"

#include <utility>

#include "lilith/error.h"

namespace lilith::runtime::cuda {

bool Uploads::fill(std::unique_ptr<Buffer>& block, const void* from, std::size_t bytes) {
  if (bytes < kLeastBytes || block->bytes() > kMostBytes) return false;
  const std::lock_guard lock(mutex_);
  Size& size = sizes_[block->bytes()];
  if (++size.uploads < kOften) return false;
  if (!size.spare) {
    if (spare_bytes_ + block->bytes() > kMostBytes) return false;
    try {
      size.spare = device_.allocate(block->bytes());
    } catch (const DeviceError&) {
      return false;  // no room for what only saves time
    }
    spare_bytes_ += block->bytes();
  }
  if (!size.free) size.free = std::make_unique<Mark>(device_);  // nothing has used it yet
  device_.write_beside(*size.spare, from, bytes, *size.free);
  std::swap(block, size.spare);
  size.free->set();  // what has used it was enqueued before
  return true;
}

std::size_t Uploads::release() {
  const std::lock_guard lock(mutex_);
  sizes_.clear();
  return spare_bytes_.exchange(0);
}

}  // namespace lilith::runtime::cuda
