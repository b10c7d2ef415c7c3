#include "runtime/fork.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace lilith::runtime {
namespace {

struct State {
  std::mutex one_fork;  // at a time
  std::mutex mutex;     // of the hooks; whoever is busy may add one
  std::vector<std::pair<LockOrder, ForkHooks>> hooks;
  std::atomic<int> busy{0};
  std::atomic<bool> forking{false};
};

// Never destroyed: statics' destructors may still evaluate.
State& state() {
  static State* s = new State;
  return *s;
}

thread_local int depth = 0;  // of this thread's Busy scopes

void pause() { std::this_thread::sleep_for(std::chrono::microseconds(50)); }

void before_fork() {
  State& s = state();
  s.one_fork.lock();
  s.forking = true;
  // What this thread itself has under way cannot end before the fork.
  while (s.busy.load() > (depth > 0 ? 1 : 0)) pause();
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
  s.busy = depth > 0 ? 1 : 0;
  s.forking = false;
  s.one_fork.unlock();
}

}  // namespace

Busy::Busy() {
  if (depth++ > 0) return;
  State& s = state();
  while (s.busy.fetch_add(1), s.forking.load()) {
    s.busy.fetch_sub(1);
    while (s.forking.load()) pause();
  }
}

Busy::~Busy() {
  if (--depth == 0) state().busy.fetch_sub(1);
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
