#pragma once
#include <cstdint>
#include <span>

#include "eval/placement.h"

namespace lilith {

/// Whether a program's memory can be had: an Error now instead of the system's killer in the middle
/// of a run.
class MemoryCheck {
 public:
  /// DeviceError when the program needs more than the device has, or, on the host, than the machine
  /// or the cgroup grants.
  explicit MemoryCheck(const schedule::Plan& plan, Device device = {});

  /// DeviceError when a run needs more beside what is live. `given`: memory that the caller has for
  /// the outputs.
  void before_run(const Placement& placement, std::span<const char> donated,
                  std::span<const StoragePtr> given) const;

 private:
  const Device device_;
  std::int64_t fresh_bytes_ = 0;  // what a run allocates at most: the arena and every output
};

}  // namespace lilith
