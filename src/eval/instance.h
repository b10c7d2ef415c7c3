#pragma once
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "core/per_thread.h"
#include "runtime/storage.h"

namespace lilith {

/// Where a buffer of a plan lies in a run.
struct Place {
  Storage* storage = nullptr;
  std::size_t offset = 0;
  /// Of memory of the host; null for no place.
  char* address() const { return storage ? static_cast<char*>(storage->data()) + offset : nullptr; }
};

struct CopiedInputs;

/// What one run of a program reads and writes.
struct Instance {
  std::vector<Place> buffers;       // of the plan; those that no launch touches may have no place
  StoragePtr scalars;               // the inputs that come by value (scalar_block.h)
  StoragePtr seen;                  // what the checks of indices say: an i64 each
  std::vector<void*> params;        // the CPU launcher's: of all launches, one after another
  std::vector<StoragePtr> scratch;  // the CPU launcher's: one a thread
  std::exception_ptr failure;       // of a function of the host
  // kept_copies.h: those that there are, those that this run makes, and, by launch, what it leaves
  // out (null: nothing).
  std::shared_ptr<const CopiedInputs> kept, made;
  const std::vector<char>* left_out = nullptr;
};

/// The instances of a program: runs at the same time have one each, later ones take them over, so
/// that runs allocate nothing (above kThreadSlots at a time, but those). Thread-safe.
class InstancePool {
 public:
  /// `checks`: of indices, whose results lie on the device, as do `scalar_bytes`.
  InstancePool(std::size_t buffers, std::size_t checks, std::size_t scalar_bytes, Device device)
      : buffers_(buffers), checks_(checks), scalar_bytes_(scalar_bytes), device_(device) {}

  std::unique_ptr<Instance> acquire();
  void release(std::unique_ptr<Instance> instance);

 private:
  const std::size_t buffers_, checks_, scalar_bytes_;
  const Device device_;
  PerThreadPool<Instance> free_;
};

}  // namespace lilith
