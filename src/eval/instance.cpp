#include "eval/instance.h"

namespace lilith {

std::unique_ptr<Instance> InstancePool::acquire() {
  if (std::unique_ptr<Instance> used = free_.take()) return used;
  auto instance = std::make_unique<Instance>();
  instance->buffers.resize(buffers_);
  if (checks_ > 0) instance->seen = Storage::allocate(checks_ * sizeof(std::int64_t), device_);
  if (scalar_bytes_ > 0) instance->scalars = Storage::allocate(scalar_bytes_, device_);
  return instance;
}

void InstancePool::release(std::unique_ptr<Instance> instance) { free_.give(std::move(instance)); }

}  // namespace lilith
