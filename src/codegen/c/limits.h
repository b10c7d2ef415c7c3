#pragma once
#include <cstddef>
#include <string>

#include "codegen/c/statements.h"
#include "kernel_ir/kernel.h"

namespace lilith::codegen::c {

/// What a device runs at most.
struct Limits {
  std::string device;           // for errors
  std::size_t param_bytes = 0;  // of a function's parameters
  std::size_t threads = 0;      // of a group
  std::size_t local_bytes = 0;  // of a group's memory
};

/// DeviceError where a device cannot run a function of a kernel, TooLarge where it could run a
/// smaller one.
void check_limits(const kir::Kernel& kernel, const Entry& entry, const Limits& limits);
/// A group has to run as the kernel says, so many threads at most: TooLarge.
void check_threads(const std::string& kernel, const Entry& entry, const std::string& device,
                   std::size_t most);

}  // namespace lilith::codegen::c
