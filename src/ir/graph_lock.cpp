#include "ir/graph_lock.h"

#include <atomic>
#include <condition_variable>
#include <new>

#include "runtime/spin.h"

namespace lilith::ir {
namespace {

struct State {
  std::recursive_mutex mutex;
  std::condition_variable_any ended;  // a run
  int writers = 0;                    // runs that may write to their inputs
  std::atomic<int> walks_waiting{0};
};

thread_local int depth = 0;        // locks of this thread
thread_local int own_writers = 0;  // runs of this thread, which may call it back

State& state() {
  static auto* s = new State;  // lives through static destruction
  return *s;
}

// Whoever holds the lock is busy: at a fork nobody does, but for threads that fork. A recursive
// mutex knows its owner by the thread's number, which is another one in the child.
const bool fork_hooks = runtime::at_fork(runtime::LockOrder::Outer, {.before = [] { state(); },
                                                                     .child =
                                                                         [] {
                                                                           auto* s =
                                                                               new (&state()) State;
                                                                           s->writers = own_writers;
                                                                         }});

// It is held for microseconds, and by many a thread that evaluates small graphs: to sleep and be
// woken takes longer than to wait.
void lock_spinning(std::unique_lock<std::recursive_mutex>& lock) {
  constexpr int kSpins = 200;
  for (int k = 0; k < kSpins; ++k) {
    if (lock.try_lock()) return;
    runtime::cpu_pause();
  }
  lock.lock();
}

}  // namespace

void GraphLock::acquire() {
  busy_.emplace();
  lock_spinning(lock_);
  ++depth;
}

GraphLock::GraphLock(For purpose) : lock_(state().mutex, std::defer_lock) {
  State& s = state();
  acquire();
  while (purpose == For::Walk && depth == 1 && s.writers != own_writers) {
    ++s.walks_waiting;
    wait_for_evaluation();
    acquire();
    --s.walks_waiting;
  }
}

GraphLock::GraphLock(std::try_to_lock_t t) : busy_(std::in_place), lock_(state().mutex, t) {
  if (lock_) ++depth;
}

GraphLock::~GraphLock() {
  if (lock_) --depth;
}

bool GraphLock::is_held() { return depth > 0; }

bool GraphLock::is_outermost() { return depth == 1; }

bool GraphLock::is_wanted_for_walk() { return state().walks_waiting > 0; }

void GraphLock::wait_for_evaluation() {
  busy_.reset();
  --depth;
  state().ended.wait(lock_);
  lock_.unlock();
}

RunScope::RunScope(bool writes) : writes_(writes) {
  state().writers += writes_;
  own_writers += writes_;
}

RunScope::~RunScope() {
  state().writers -= writes_;
  own_writers -= writes_;
  state().ended.notify_all();
}

const void* RunScope::thread() { return &own_writers; }

}  // namespace lilith::ir
