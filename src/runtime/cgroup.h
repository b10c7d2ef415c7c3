#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace lilith::runtime {

/// What the control groups of this process grant: the tightest limit between its own group and the
/// root, of version 2 and of version 1's hierarchies. Nothing where no group sets one.
struct Cgroup {
  std::filesystem::path groups = "/proc/self/cgroup", mount = "/sys/fs/cgroup";

  std::optional<std::int64_t> memory_bytes() const;
  /// Processors' worth of time.
  std::optional<double> cpus() const;
};

}  // namespace lilith::runtime
