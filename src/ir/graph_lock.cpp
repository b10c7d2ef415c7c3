#include "ir/graph_lock.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <new>
#include <vector>

#include "runtime/spin.h"

namespace lilith::ir {
namespace {

struct State {
  std::recursive_mutex mutex;
  std::condition_variable_any ended;  // a run
  int writers = 0;                    // runs that may write to their inputs
  std::vector<const void*> running;   // the thread of each run
  std::atomic<int> walks_waiting{0};
};

thread_local int depth = 0;        // locks of this thread
thread_local int own_writers = 0;  // runs of this thread, which may call it back
thread_local std::size_t own_runs = 0;

State& state() {
  static auto* s = new State;  // lives through static destruction
  return *s;
}

// Whoever holds the lock is busy: at a fork nobody does, but for threads that fork. A recursive
// mutex knows its owner by the thread's number, which is another one in the child.
const bool fork_hooks = runtime::at_fork(runtime::LockOrder::Outer,
                                         {.before = [] { state(); },
                                          .child =
                                              [] {
                                                auto* s = new (&state()) State;
                                                s->writers = own_writers;
                                                s->running.assign(own_runs, RunScope::thread());
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
  // Those that it waits for call no code of the user: none of them forks.
  while (purpose == For::Walk && depth == 1 && s.writers != own_writers) {
    ++s.walks_waiting;
    wait([&] { return s.writers == own_writers; });
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

void GraphLock::wait(const std::function<bool()>& done) {
  busy_.reset();
  --depth;
  do state().ended.wait(lock_);
  while (!done());
  lock_.unlock();
}

void GraphLock::wait_until(const std::function<bool()>& done) {
  busy_.reset();
  const runtime::Idle idle;
  wait(done);
}

RunScope::RunScope(bool writes) : writes_(writes) {
  State& s = state();
  s.running.push_back(thread());
  ++own_runs;
  s.writers += writes_;
  own_writers += writes_;
}

RunScope::~RunScope() {
  State& s = state();
  s.writers -= writes_;
  own_writers -= writes_;
  s.running.erase(std::ranges::find(s.running, thread()));
  --own_runs;
  s.ended.notify_all();
}

bool RunScope::runs(const void* thread) {
  return std::ranges::find(state().running, thread) != state().running.end();
}

const void* RunScope::thread() { return &own_writers; }

}  // namespace lilith::ir
