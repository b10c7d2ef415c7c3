#pragma once
#include "runtime/device_memory.h"
#include "runtime/opencl/device.h"

namespace lilith::runtime::opencl {

/// Memory of OpenCL device i. Error when there is none.
DeviceMemory& memory(int i);
/// The block that a storage of an OpenCL device is.
const Buffer& buffer_of(const Storage& storage);

}  // namespace lilith::runtime::opencl
