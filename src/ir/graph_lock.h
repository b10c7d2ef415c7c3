#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "runtime/fork.h"

namespace lilith::ir {

/// Held by whoever walks the edges of lazy nodes that other threads may hold, and by an evaluation
/// that may not share them (SharedGraphLock). Not held while programs are compiled and run. A
/// program may write into the memory of inputs that nobody holds: only a walk along the edges could
/// still find them, so a walk waits until no such program runs (RunScope). Recursive. Its owner is
/// busy, and was before it waited: fork() waits for those that are busy, who may wait for the lock.
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
  /// Lets go of the lock and waits until `done`, which is asked, without it, each time that
  /// somebody calls tell_waiting. Idle: for a thread that is in no evaluation of its own.
  void wait_until(const std::function<bool()>& done);
  /// By whoever let go of claims, afterwards. Costs nothing where nobody waits.
  static void tell_waiting();

 private:
  void acquire();
  void release();
  void wait(const std::function<bool()>& done);
  std::optional<runtime::Busy> busy_;
  std::unique_lock<std::recursive_mutex> lock_;
};

/// Held by evaluations, side by side, while they are chosen and stored. With it the edges are read,
/// and let go of, of those nodes alone that the evaluation has claimed. Whoever has it asks for no
/// GraphLock, frees no nodes and calls no code of the user. Does nothing within a GraphLock.
class SharedGraphLock {
 public:
  SharedGraphLock();
  ~SharedGraphLock();
  SharedGraphLock(const SharedGraphLock&) = delete;

 private:
  const runtime::Busy busy_;
  const bool nested_;
};

/// Of a node: which thread's evaluation computes it now, or looks whether to. Taken under either
/// lock.
class Claim {
 public:
  enum class Taken { Now, Before, ByAnother };
  Taken take();
  /// By a thread that is there: a fork leaves others' claims behind.
  bool is_anothers() const { return is_anothers(by_.load()); }
  /// By whoever took it; then GraphLock::tell_waiting.
  void let_go() { by_.store(0); }

 private:
  static bool is_anothers(std::uint64_t by);
  std::atomic<std::uint64_t> by_{0};  // a thread's number; 0: nobody
};

/// While it lives a program runs that may have been given inputs to write to. Begins under one of
/// the locks.
class RunScope {
 public:
  explicit RunScope(bool writes);
  ~RunScope();
  RunScope(const RunScope&) = delete;

 private:
  const bool writes_;
};

}  // namespace lilith::ir
