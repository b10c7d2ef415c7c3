#include "runtime/cgroup.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

namespace lilith::runtime {
namespace {

using Path = std::filesystem::path;

/// A group's folder and those above it, down to the mount point. A container may see the host's
/// path, with no such folder in its own mount: what is absent grants everything.
void add_folders(const Path& root, const Path& group, std::vector<Path>* out) {
  Path at = root;
  out->push_back(at);
  for (const Path& name : group.relative_path())
    if (!name.empty() && name != "." && name != "..") out->push_back(at /= name);
}

/// Folders whose limits hold for this process; a line of `groups` is "id:controllers:/path",
/// without controllers in version 2.
std::vector<Path> folders_of(const Cgroup& c, const std::string& controller) {
  std::vector<Path> out{c.mount};
  std::ifstream file(c.groups);
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const Path group = line.substr(second + 1);
    if (controllers.empty()) {
      add_folders(c.mount, group, &out);
      add_folders(c.mount / "unified", group, &out);
    } else if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) {
      add_folders(c.mount / controllers, group, &out);
      add_folders(c.mount / controller, group, &out);
    }
  }
  return out;
}

/// The numbers a file begins with; "max" is none.
std::vector<double> numbers(const Path& path) {
  std::ifstream file(path);
  std::vector<double> out;
  for (double x; file >> x;) out.push_back(x);
  return out;
}

template <class T>
void lower(std::optional<T>* limit, T value) {
  *limit = *limit ? std::min(**limit, value) : value;
}

}  // namespace

std::optional<std::int64_t> Cgroup::memory_bytes() const {
  std::optional<std::int64_t> limit;
  for (const Path& folder : folders_of(*this, "memory")) {
    for (const char* name : {"memory.max", "memory.limit_in_bytes"}) {
      std::ifstream file(folder / name);
      std::int64_t bytes = 0;
      if (file >> bytes && bytes > 0) lower(&limit, bytes);
    }
  }
  return limit;
}

std::optional<double> Cgroup::cpus() const {
  std::optional<double> limit;
  const auto grant = [&](double quota, double period) {
    if (quota > 0 && period > 0) lower(&limit, quota / period);  // -1: unlimited
  };
  for (const Path& folder : folders_of(*this, "cpu")) {
    const std::vector<double> max = numbers(folder / "cpu.max");
    if (max.size() == 2) grant(max[0], max[1]);
    const std::vector<double> quota = numbers(folder / "cpu.cfs_quota_us"),
                              period = numbers(folder / "cpu.cfs_period_us");
    if (!quota.empty() && !period.empty()) grant(quota[0], period[0]);
  }
  return limit;
}

}  // namespace lilith::runtime
