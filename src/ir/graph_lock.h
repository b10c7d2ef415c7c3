#pragma once
#include <functional>
#include <mutex>
#include <optional>

#include "runtime/fork.h"

namespace lilith::ir {

/// Held by whoever walks the edges of lazy nodes that other threads may hold, while it is chosen
/// what an evaluation computes, and while nodes become leaves; not while programs are compiled and
/// run. A program may write into the memory of inputs that nobody holds: only a walk along the
/// edges could still find them, so a walk waits until no such program runs (RunScope). Recursive.
/// Its owner is busy, and was before it waited: fork() waits for those that are busy, who may wait
/// for the lock.
class GraphLock {
 public:
  enum class For { Walk, Evaluation };
  explicit GraphLock(For purpose = For::Walk);
  /// For an evaluation; does not wait for another thread's.
  explicit GraphLock(std::try_to_lock_t);
  ~GraphLock();
  GraphLock(const GraphLock&) = delete;
  explicit operator bool() const { return lock_.owns_lock(); }

  /// Whether this thread has one.
  static bool is_held();
  /// Whether this thread has no other: else it cannot be let go of.
  static bool is_outermost();
  /// A walk waits: a program that is chosen now should write to no input.
  static bool is_wanted_for_walk();
  /// Waits until `done`, which is asked under the lock each time that another thread's evaluation
  /// ends; then the lock is let go of. Idle: for a thread that is in no evaluation of its own.
  void wait_until(const std::function<bool()>& done);

 private:
  void acquire();
  void wait(const std::function<bool()>& done);
  std::optional<runtime::Busy> busy_;
  std::unique_lock<std::recursive_mutex> lock_;
};

/// While it lives a program runs that may have been given inputs to write to. Begins and ends under
/// a GraphLock.
class RunScope {
 public:
  explicit RunScope(bool writes);
  ~RunScope();
  RunScope(const RunScope&) = delete;
  /// Tells this thread's runs from another's.
  static const void* thread();
  /// Whether the thread has one now; none that a fork left behind has.
  static bool runs(const void* thread);

 private:
  const bool writes_;
};

}  // namespace lilith::ir
