#pragma once
#include <cstdint>
#include <source_location>

#include "lilith/device.h"

namespace lilith {

/// What tensors take on a device, in bytes.
struct MemoryStats {
  std::int64_t live_bytes = 0;    // held by tensors and programs now
  std::int64_t peak_bytes = 0;    // the most that was live since the start or the last reset
  std::int64_t cached_bytes = 0;  // free, kept for reuse
};
/// The device's figures. Error where there is no such device, as of the next two.
MemoryStats memory_stats(Device device = {},
                         std::source_location loc = std::source_location::current());
/// The peak starts again from what is live now.
void reset_peak_memory(Device device = {},
                       std::source_location loc = std::source_location::current());
/// Gives free memory that is kept for reuse back to the system.
void release_cached_memory(Device device = {},
                           std::source_location loc = std::source_location::current());

}  // namespace lilith
