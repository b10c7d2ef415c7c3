#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lilith::parity {

/// How the samples of an operator went.
struct Count {
  int passed = 0, failed = 0, unsupported = 0;
  std::string reason;  // of the first that did not pass
};

/// Work for a process of its own, and what its parent does with the result; without a result,
/// `death` says what ended it.
struct Job {
  std::function<Count()> work;
  std::function<void(std::optional<Count> count, const std::string& death)> done;
};

/// Runs the jobs, as many at a time as there are cores. Isolated, each runs in a child process, so
/// that a crash fails one operator alone.
void run_jobs(std::vector<Job> jobs, bool isolated);

}  // namespace lilith::parity
