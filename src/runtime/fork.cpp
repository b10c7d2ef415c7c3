#include "runtime/fork.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "core/per_thread.h"

namespace lilith::runtime {
namespace {

using Clock = std::chrono::steady_clock;

struct State {
  ForkMutex one_fork;  // at a time
  std::mutex mutex;    // of the hooks; whoever is busy may add one
  std::vector<std::pair<LockOrder, ForkHooks>> hooks;
  PerThread<std::atomic<int>> busy;  // threads that are
  std::atomic<bool> forking{false};
  std::atomic<std::uint64_t> ended_by{0};     // the thread that ends the process
  std::atomic<Clock::rep> end_until{0};       // how long others wait for that
  std::atomic<std::uint64_t> next_thread{1};  // numbers of threads
  // Of those before `first_thread` only the one that forked is there.
  std::uint64_t first_thread = 1, forked_by = 0;
};

// Never destroyed: statics' destructors may still evaluate.
State& state() {
  static State* s = new State;
  return *s;
}

thread_local int depth = 0;  // of this thread's Busy scopes

/// Whether another thread is. Once others are kept from it (`forking`, `end_until`) each slot goes
/// down to none, but for those who look and turn back.
bool others_are_busy() {
  const std::atomic<int>& mine = state().busy.mine();
  bool any = false;
  state().busy.each([&](const std::atomic<int>& slot) {
    any |= slot.load() > (&slot == &mine && depth > 0 ? 1 : 0);
  });
  return any;
}

void pause() { std::this_thread::sleep_for(std::chrono::microseconds(50)); }

std::uint64_t this_thread() {
  thread_local const std::uint64_t number = state().next_thread.fetch_add(1);
  return number;
}

// When the process ends, what other threads compute with goes. Those that compute are waited for,
// and the others wait until the process is gone; but not for ever: one of them may be joined by
// the destructor of a static.
constexpr std::chrono::seconds kPatience{1};

bool must_wait_for_end(const State& s) {
  const std::uint64_t by = s.ended_by.load();
  return by != 0 && by != this_thread() && Clock::now().time_since_epoch().count() < s.end_until;
}

void end() {
  State& s = state();
  const Clock::time_point now = Clock::now();
  Clock::rep never = 0;
  if (!s.end_until.compare_exchange_strong(never, (now + 2 * kPatience).time_since_epoch().count()))
    return;
  s.ended_by = this_thread();
  while (others_are_busy() && Clock::now() < now + kPatience) pause();
}

// The main thread's own objects are destroyed before all statics.
struct EndOfMain {
  ~EndOfMain() { end(); }
};
void end_with_main() {
  if (::gettid() != ::getpid()) return;
  static thread_local EndOfMain at_its_end;
  static_cast<void>(&at_its_end);
}
[[maybe_unused]] const bool ends_with_main = (end_with_main(), true);

void enter() {
  // Where another thread ends the process: before the statics that are there by now.
  [[maybe_unused]] static const bool ends_with_any = std::atexit(end) == 0;
  State& s = state();
  for (;;) {
    std::atomic<int>& busy = s.busy.mine();
    busy.fetch_add(1);
    if (!s.forking.load() && !must_wait_for_end(s)) return;
    busy.fetch_sub(1);
    while (s.forking.load() || must_wait_for_end(s)) pause();
  }
}

void before_fork() {
  State& s = state();
  s.one_fork.lock();
  s.forking = true;
  // What this thread itself has under way cannot end before the fork.
  while (others_are_busy()) pause();
  s.mutex.lock();
  for (const auto& [order, hooks] : s.hooks)
    if (hooks.before) hooks.before();
}

void after_fork(void (*ForkHooks::*hook)()) {
  State& s = state();
  for (auto at = s.hooks.rbegin(); at != s.hooks.rend(); ++at)
    if (at->second.*hook) (at->second.*hook)();
  s.mutex.unlock();
}

void in_parent() {
  State& s = state();
  after_fork(&ForkHooks::parent);
  s.forking = false;
  s.one_fork.unlock();
}

void in_child() {
  State& s = state();
  after_fork(&ForkHooks::child);
  s.forked_by = this_thread();
  s.ended_by = 0;
  s.end_until = 0;
  end_with_main();  // this thread is the child's
  s.first_thread = s.next_thread;
  s.busy.each([](std::atomic<int>& slot) { slot = 0; });
  s.busy.mine() = depth > 0 ? 1 : 0;
  s.forking = false;
  s.one_fork.unlock();
}

}  // namespace

Busy::Busy() {
  if (depth++ == 0) enter();
}

Busy::~Busy() {
  if (--depth == 0) state().busy.mine().fetch_sub(1);
}

Idle::Idle() {
  if (depth > 0) state().busy.mine().fetch_sub(1);
}

Idle::~Idle() {
  if (depth > 0) enter();
}

bool ForkMutex::try_lock() {
  const State& s = state();
  const std::uint64_t me = this_thread();
  std::uint64_t owner = 0;
  if (owner_.compare_exchange_strong(owner, me, std::memory_order_acquire)) return true;
  const bool gone = owner != 0 && owner < s.first_thread && owner != s.forked_by;
  return gone && owner_.compare_exchange_strong(owner, me, std::memory_order_acquire);
}

void ForkMutex::lock() {
  while (!try_lock()) {
    const Idle idle;
    pause();
  }
}

bool at_fork(LockOrder order, ForkHooks hooks) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.hooks.empty()) pthread_atfork(before_fork, in_parent, in_child);
  const auto at = std::find_if(s.hooks.begin(), s.hooks.end(),
                               [&](const auto& other) { return other.first > order; });
  s.hooks.insert(at, {order, hooks});
  return true;
}

}  // namespace lilith::runtime
