#pragma once

namespace lilith::train {

/// While one lives, Ctrl-C sets a flag instead of ending the process; a second Ctrl-C ends it as
/// usual. Guards nest.
class InterruptGuard {
 public:
  explicit InterruptGuard(bool enabled);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  /// Whether Ctrl-C was pressed since the outermost guard was made.
  static bool interrupted();

 private:
  bool enabled_;
};

}  // namespace lilith::train
