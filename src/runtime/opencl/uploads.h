#pragma once
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

struct _cl_event;

namespace lilith::runtime::opencl {

class Device;

/// Memory of the host that a device still has to read: held until it has. Of callers that are in a
/// Call; thread-safe.
class Uploads {
 public:
  explicit Uploads(const Device& device) : device_(device) {}

  /// Takes over `read`, the event of a write that was enqueued from `memory`. Waits for the oldest
  /// while there are too many, so that no loop runs ahead of the device without end.
  void hold(std::shared_ptr<const void> memory, std::size_t bytes, _cl_event* read);
  /// Lets go of what was read. Throws where a write has failed.
  void let_go();

 private:
  static constexpr std::size_t kMostBytes = std::size_t{256} << 20, kMost = 256;

  struct Upload {
    std::shared_ptr<const void> memory;
    std::size_t bytes;
    _cl_event* read;
  };
  void pop(std::deque<Upload>* gone);

  const Device& device_;
  std::mutex mutex_;
  std::deque<Upload> all_;  // in the order of the queue
  std::size_t bytes_ = 0;
};

}  // namespace lilith::runtime::opencl
