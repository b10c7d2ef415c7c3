#pragma once
#include <cstdint>

namespace lilith::runtime {

/// Bytes this process may use at most: the machine's memory, cut by the cgroup's limit.
std::int64_t memory_limit_bytes();

}  // namespace lilith::runtime
