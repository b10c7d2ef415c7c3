#pragma once
#include <atomic>
#include <cstdint>

// A process may fork after it has computed: the child has none of the threads that ran programs,
// and whatever another thread had locked stays locked there for ever. So fork() waits until nothing
// is evaluated or compiled, holds the locks of the library's own state meanwhile, and gives the
// child fresh ones and a fresh team of threads. The end of the process waits in the same way, a
// second at most, before statics go (where main ends it; else before those that the first
// computation found); what another thread begins meanwhile waits until it is gone.
namespace lilith::runtime {

/// Held by whoever evaluates or compiles: fork() of another thread waits for it, and so does the
/// end of the process, for a while. Nests.
class Busy {
 public:
  Busy();
  ~Busy();
  Busy(const Busy&) = delete;
};

/// While it lives this thread is not busy, whatever it holds: it waits for another one's work, in
/// which code of the user runs that may fork. It ends without a lock that anybody busy may want: a
/// fork under way is waited for. In the child of that fork the thread is gone, and what it had
/// begun is never done.
class Idle {
 public:
  Idle();
  ~Idle();
  Idle(const Idle&) = delete;
};

/// A mutex under which code of the user runs: it may fork. Whoever waits for it is not busy, else
/// that fork would wait for ever; whoever locks it is. In the child it is free, unless its owner is
/// the thread that forked. The wait is polled: for locks that are held long and seldom.
class ForkMutex {
 public:
  void lock();
  bool try_lock();
  void unlock() { owner_.store(0, std::memory_order_release); }

 private:
  std::atomic<std::uint64_t> owner_{0};  // a thread's number; 0: none
};

/// What one piece of global state does around fork(): `before` locks it, `parent` and `child` give
/// it back, each where it is not null.
struct ForkHooks {
  void (*before)() = nullptr;
  void (*parent)() = nullptr;
  void (*child)() = nullptr;
};
/// Locks that are taken while others are held come last.
enum class LockOrder { Outer, Inner, Memory };
/// Registers hooks for the life of the process. For static initialisers; returns true.
bool at_fork(LockOrder order, ForkHooks hooks);

}  // namespace lilith::runtime
