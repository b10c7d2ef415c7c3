#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/storage.h"

namespace lilith {

/// What one run of a program writes to.
struct Instance {
  std::vector<char*> buffers;       // base of every buffer of the plan
  std::vector<void*> params;        // the launches' parameters, one after another
  std::vector<StoragePtr> scratch;  // the launcher's: one a thread
  std::vector<std::int64_t> seen;   // what the checks of indices say
};

/// The instances of a program: runs at the same time have one each, later ones take them over, so
/// that runs allocate nothing. Thread-safe.
class InstancePool {
 public:
  InstancePool(std::size_t buffers, std::size_t params, std::size_t checks)
      : buffers_(buffers), params_(params), checks_(checks) {}

  std::unique_ptr<Instance> acquire();
  void release(std::unique_ptr<Instance> instance);

 private:
  const std::size_t buffers_, params_, checks_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Instance>> free_;
};

}  // namespace lilith
