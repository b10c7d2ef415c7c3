#include "eval/instance.h"

namespace lilith {

std::unique_ptr<Instance> InstancePool::acquire() {
  std::lock_guard lock(mutex_);
  if (!free_.empty()) {
    std::unique_ptr<Instance> instance = std::move(free_.back());
    free_.pop_back();
    return instance;
  }
  auto instance = std::make_unique<Instance>();
  instance->buffers.resize(buffers_);
  if (checks_ > 0) instance->seen = Storage::allocate(checks_ * sizeof(std::int64_t), device_);
  if (scalar_bytes_ > 0) instance->scalars = Storage::allocate(scalar_bytes_, device_);
  free_.reserve(8);
  return instance;
}

void InstancePool::release(std::unique_ptr<Instance> instance) {
  std::lock_guard lock(mutex_);
  free_.push_back(std::move(instance));
}

}  // namespace lilith
