#include "runtime/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace lilith::runtime {

std::int64_t memory_limit_bytes() {
  std::int64_t limit = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::int64_t cgroup = 0;
  if (file >> cgroup && cgroup > 0)
    limit = std::min(limit, cgroup);  // "max" does not parse: no limit
  return limit;
}

}  // namespace lilith::runtime
