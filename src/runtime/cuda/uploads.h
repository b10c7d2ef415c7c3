#pragma once
#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "runtime/cuda/device.h"

namespace lilith::runtime::cuda {

/// Blocks that the host fills again and again while the device computes, as a loader's batches are.
/// A fresh block was in use a moment ago: to write there means to wait for the step that runs. So
/// there is a second block for each such size, and the two take turns: the one that is filled was
/// last used a step earlier, and its copy runs on a stream of its own, beside the step.
/// Thread-safe.
class Uploads {
 public:
  explicit Uploads(Device& device) : device_(device) {}

  /// Gives `block` other memory that holds the `bytes` from the host, all that anybody will read of
  /// it; false where that does not pay, and nothing was done. What is enqueued later sees them.
  bool fill(std::unique_ptr<Buffer>& block, const void* from, std::size_t bytes);
  /// Gives back the memory that is held for it; how much it was.
  std::size_t release();
  std::size_t spare_bytes() const { return spare_bytes_; }

 private:
  static constexpr std::size_t kLeastBytes = std::size_t{32} << 10;
  static constexpr std::size_t kMostBytes = std::size_t{64} << 20;  // of all spare blocks
  static constexpr int kOften = 3;  // uploads of a size before it has a spare block

  struct Size {
    int uploads = 0;
    std::unique_ptr<Buffer> spare;
    std::unique_ptr<Mark> free;  // when what used the spare block has run
  };

  Device& device_;
  std::mutex mutex_;
  std::map<std::size_t, Size> sizes_;  // by bytes of a block
  std::atomic<std::size_t> spare_bytes_{0};
};

}  // namespace lilith::runtime::cuda
