#pragma once
#include <cstdint>

namespace lilith::runtime {

/// While it lives, this thread's arithmetic takes denormals for 0 and gives 0 in their place, or
/// keeps them, whatever mode the thread was in; then it is in that mode again.
class DenormalMode {
 public:
  explicit DenormalMode(bool flush);
  ~DenormalMode();
  DenormalMode(const DenormalMode&) = delete;
  DenormalMode& operator=(const DenormalMode&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace lilith::runtime
