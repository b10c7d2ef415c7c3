#include "ir/graph_lock.h"

#include <condition_variable>
#include <new>
#include <thread>

#include "core/per_thread.h"
#include "lilith/error.h"
#include "runtime/spin.h"

namespace lilith::ir {
namespace {

constexpr int kSpins = 200;

struct State {
  std::recursive_mutex mutex;           // of the one GraphLock
  std::atomic<bool> alone{false};       // it is held, or about to be
  PerThread<std::atomic<int>> sharing;  // the SharedGraphLocks, by thread
  std::atomic<int> writers{0};          // runs that may write to their inputs
  std::atomic<int> walks_waiting{0}, waiting{0};
  std::mutex ending;
  std::condition_variable ended;  // a run that writes, or claims
};

thread_local int depth = 0;        // GraphLocks of this thread
thread_local int sharing = 0;      // SharedGraphLocks
thread_local int own_writers = 0;  // runs of this thread, which may call it back

// Of threads that claim nodes. After a fork but one of those before `first` is there.
std::atomic<std::uint64_t> next_number{1};
std::uint64_t first_number = 1, forked_by = 0;

std::uint64_t this_thread() {
  thread_local const std::uint64_t number = next_number.fetch_add(1);
  return number;
}

State& state() {
  static auto* s = new State;  // lives through static destruction
  return *s;
}

// Whoever holds a lock is busy: at a fork nobody does, but for threads that fork. A recursive mutex
// knows its owner by the thread's number, which is another one in the child.
const bool fork_hooks =
    runtime::at_fork(runtime::LockOrder::Outer, {.before = [] { state(); },
                                                 .child =
                                                     [] {
                                                       auto* s = new (&state()) State;
                                                       s->writers = own_writers;
                                                       forked_by = this_thread();
                                                       first_number = next_number;
                                                     }});

// The locks are held for microseconds, and by many a thread that evaluates small graphs: to sleep
// and be woken takes longer than to wait.
template <class Done>
bool spin_until(const Done& done) {
  for (int k = 0; k < kSpins; ++k) {
    if (done()) return true;
    runtime::cpu_pause();
  }
  return false;
}

void lock_spinning(std::unique_lock<std::recursive_mutex>& lock) {
  if (!spin_until([&] { return lock.try_lock(); })) lock.lock();
}

// It would wait for itself.
void check_not_sharing() {
  if (sharing > 0) throw InternalError("graph: an evaluation that shares the lock asks for it");
}

// With the mutex: keeps evaluations that share from beginning, and waits for those that have.
void keep_others_out(State& s) {
  s.alone = true;
  s.sharing.each([](const std::atomic<int>& slot) {
    const auto none = [&] { return slot.load() == 0; };
    if (spin_until(none)) return;
    while (!none()) std::this_thread::yield();
  });
}

void wait_for_end(const std::function<bool()>& done) {
  State& s = state();
  ++s.waiting;
  {
    std::unique_lock lock(s.ending);
    while (!done()) s.ended.wait(lock);
  }
  --s.waiting;
}

bool nobody_else_writes() { return state().writers == own_writers; }

}  // namespace

void GraphLock::acquire() {
  check_not_sharing();
  busy_.emplace();
  lock_spinning(lock_);
  if (depth == 0) keep_others_out(state());
  ++depth;
}

void GraphLock::release() {
  if (--depth == 0) state().alone = false;
  lock_.unlock();
}

GraphLock::GraphLock(For purpose) : lock_(state().mutex, std::defer_lock) {
  State& s = state();
  acquire();
  // Those that it waits for call no code of the user: none of them forks.
  while (purpose == For::Walk && depth == 1 && !nobody_else_writes()) {
    ++s.walks_waiting;
    wait(nobody_else_writes);
    acquire();
    --s.walks_waiting;
  }
}

GraphLock::GraphLock(std::try_to_lock_t t) : busy_(std::in_place), lock_(state().mutex, t) {
  check_not_sharing();
  if (lock_ && depth++ == 0) keep_others_out(state());
}

GraphLock::~GraphLock() {
  if (lock_) release();
}

bool GraphLock::is_held() { return depth > 0; }

bool GraphLock::is_outermost() { return depth == 1; }

bool GraphLock::is_wanted_for_walk() { return state().walks_waiting > 0; }

void GraphLock::wait(const std::function<bool()>& done) {
  busy_.reset();
  release();
  wait_for_end(done);
}

void GraphLock::wait_until(const std::function<bool()>& done) {
  busy_.reset();
  const runtime::Idle idle;
  wait(done);
}

void GraphLock::tell_waiting() {
  State& s = state();
  // Who waits says so before it looks at what it waits for.
  if (s.waiting == 0) return;
  {
    const std::lock_guard those_who_look(s.ending);
  }
  s.ended.notify_all();
}

SharedGraphLock::SharedGraphLock() : nested_(depth > 0) {
  if (nested_) return;
  State& s = state();
  std::atomic<int>& mine = s.sharing.mine();
  const auto entered = [&] {
    ++mine;
    if (!s.alone) return true;
    --mine;
    return false;
  };
  if (!spin_until([&] { return !s.alone && entered(); })) {
    const std::lock_guard nobody_is_alone(s.mutex);
    ++mine;
  }
  ++sharing;
}

SharedGraphLock::~SharedGraphLock() {
  if (nested_) return;
  --sharing;
  --state().sharing.mine();
}

Claim::Taken Claim::take() {
  const std::uint64_t me = this_thread();
  std::uint64_t by = by_.load();
  do {
    if (by == me) return Taken::Before;
    if (is_anothers(by)) return Taken::ByAnother;
  } while (!by_.compare_exchange_weak(by, me));
  return Taken::Now;
}

bool Claim::is_anothers(std::uint64_t by) {
  return by != 0 && by != this_thread() && (by >= first_number || by == forked_by);
}

RunScope::RunScope(bool writes) : writes_(writes) {
  if (!writes_) return;
  ++state().writers;
  ++own_writers;
}

RunScope::~RunScope() {
  if (!writes_) return;
  --own_writers;
  --state().writers;
  GraphLock::tell_waiting();
}

}  // namespace lilith::ir
