#pragma once
#include <cstdint>

namespace lilith::runtime {

/// Bytes this process may use at most: the machine's memory, cut by its control groups' limits.
std::int64_t memory_limit_bytes();
/// Lowers that limit; 0 gives back the system's.
void set_memory_limit_bytes(std::int64_t bytes);

}  // namespace lilith::runtime
