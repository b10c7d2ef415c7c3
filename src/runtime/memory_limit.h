#pragma once
#include <cstdint>

namespace lilith::runtime {

/// Bytes this process may use at most: the machine's memory, cut by its control groups' limits.
std::int64_t memory_limit_bytes();
/// Lowers that limit; 0 gives back the system's.
void set_memory_limit_bytes(std::int64_t bytes);

/// Bytes of free blocks that a pool keeps at most. A pattern that repeats never has more free than
/// its peak: what is above is left of another.
inline std::int64_t cache_limit_bytes(std::int64_t peak) {
  return peak + peak / 4 + (std::int64_t{64} << 20);
}

}  // namespace lilith::runtime
