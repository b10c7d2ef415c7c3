#pragma once

namespace lilith::train {

/// While one lives, Ctrl-C (SIGINT), SIGTERM and SIGHUP set a flag instead of ending the process; a
/// second one ends it as usual. A signal that the program ignores stays ignored. A handler that it
/// has for SIGINT or SIGTERM runs as well, one that it has for SIGHUP alone. Guards nest, and
/// threads share them.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  /// The first of those signals since the outermost guard was made; 0: none.
  static int signal();
};

}  // namespace lilith::train
