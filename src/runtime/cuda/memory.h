#pragma once
#include "runtime/cuda/device.h"
#include "runtime/device_memory.h"

namespace lilith::runtime::cuda {

/// Memory of CUDA device i. Error when there is none.
DeviceMemory& memory(int i);
/// The block that a storage of a CUDA device is.
const Buffer& buffer_of(const Storage& storage);

}  // namespace lilith::runtime::cuda
