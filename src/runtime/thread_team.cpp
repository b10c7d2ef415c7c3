#include "runtime/thread_team.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <system_error>

#include "core/env.h"
#include "lilith/error.h"
#include "lilith/runtime.h"
#include "runtime/cgroup.h"
#include "runtime/fork.h"
#include "runtime/spin.h"

namespace lilith::runtime {
namespace {

// A pause is some 10-40 ns: tens of µs of spinning inside a program before the core is offered to
// others, some 200-800 µs between programs, so that the steps of a training loop follow hot.
constexpr int kSpinsInside = 1 << 10;
constexpr int kSpinsBetween = 20000;
// More than any machine has cores; a slip of the hand must not take every process it grants.
constexpr int kMostThreads = 4096;

// Of the caller of a run: how long it slept in it.
thread_local Pace::Duration slept;

// Waits until `word` differs from `old`: spins, then sleeps in the kernel.
void wait_while_equal(std::atomic<std::uint32_t>& word, std::uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (word.load(std::memory_order_acquire) != old) return;
    cpu_pause();
  }
  const Pace::Clock::time_point start = Pace::Clock::now();
  while (word.load(std::memory_order_acquire) == old) word.wait(old, std::memory_order_acquire);
  slept += Pace::Clock::now() - start;
}

}  // namespace

int available_cores() {
  int cores = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  if (const auto granted = Cgroup{}.cpus()) {
    cores = static_cast<int>(std::min<double>(cores, *granted));
  }
  return std::max(1, cores);
}

ThreadTeam& ThreadTeam::instance() {
  // Never destroyed: other statics' destructors may still run programs; its threads die with the
  // process.
  static ThreadTeam* team = new ThreadTeam;
  return *team;
}

ThreadTeam::ThreadTeam() {
  const int n = env::integer("LILITH_NUM_THREADS", available_cores());
  LILITH_CHECK(n >= 1, "LILITH_NUM_THREADS: got {}; need at least 1", n);
  LILITH_CHECK(n <= kMostThreads, "LILITH_NUM_THREADS: got {}; need at most {}", n, kMostThreads);
  spin_ = env::text("LILITH_SPIN").empty() || env::flag("LILITH_SPIN");
  start(n);
  at_fork(LockOrder::Outer,
          {[] { instance().lock_for_fork(); }, [] { instance().unlock_after_fork(false); },
           [] { instance().unlock_after_fork(true); }});
}
ThreadTeam::~ThreadTeam() { stop(); }

void ThreadTeam::start(int n) {
  stopping_ = false;
  const std::uint32_t now = epoch_.load(std::memory_order_relaxed);
  try {
    for (int i = 1; i < n; ++i) workers_.emplace_back([this, i, now] { work(i, now); });
  } catch (const std::system_error&) {
    // The system grants no more threads: those there are make the team.
  }
  size_ = static_cast<int>(workers_.size()) + 1;
}

void ThreadTeam::stop() {
  stopping_ = true;
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (std::thread& w : workers_) w.join();
  workers_.clear();
}

void ThreadTeam::resize(int n) {
  LILITH_CHECK(n >= 1, "set_num_threads: got {}; need at least 1", n);
  LILITH_CHECK(n <= kMostThreads, "set_num_threads: got {}; need at most {}", n, kMostThreads);
  std::lock_guard lock(turn_);
  if (n == size()) return;
  stop();
  start(n);
}

void ThreadTeam::forget_threads() {
  // Threads that exist in the parent alone can be neither joined nor destroyed.
  new std::vector<std::thread>(std::move(workers_));
  workers_.clear();
  epoch_ = arrived_ = phase_ = 0;
}

void ThreadTeam::unlock_after_fork(bool child) {
  if (child) forget_threads();
  turn_.unlock();
}

void ThreadTeam::work(int thread, std::uint32_t seen) {
  for (;;) {
    wait_while_equal(epoch_, seen, spin_.load(std::memory_order_relaxed) ? kSpinsBetween : 0);
    seen = epoch_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_acquire)) return;
    task_(context_, thread, running_);
    barrier();
  }
}

void ThreadTeam::run(Task task, void* context, Prepare prepare, bool may_leave) {
  std::lock_guard lock(turn_);
  // The child of a fork gets its threads when it first needs them.
  if (static_cast<int>(workers_.size()) + 1 != size()) start(size());
  start_ = Pace::Clock::now();
  const bool alone = size() == 1 || !pace_.wants_team(start_);
  if (prepare) prepare(context, alone ? 1 : size());
  running_ = alone ? 1 : size();
  if (alone) return task(context, 0, 1);
  slept = {};
  task_ = task;
  context_ = context;
  may_leave_ = may_leave;
  const std::uint32_t none = phase_.load(std::memory_order_relaxed);
  left_at_.store(none, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  task(context, 0, running_);
  barrier();
  const Pace::Clock::time_point end = Pace::Clock::now();
  if (left_at_.load(std::memory_order_relaxed) != none)
    pace_.pause(end);
  else
    pace_.note(end, end - start_, slept);
}

bool ThreadTeam::meet(int thread) {
  const std::uint32_t next = phase_.load(std::memory_order_acquire) + 1;
  if (thread == 0 && may_leave_ && slept > Pace::Duration{} &&
      Pace::stalls(Pace::Clock::now() - start_, slept))
    left_at_.store(next, std::memory_order_relaxed);  // which all see that meet
  barrier();
  return left_at_.load(std::memory_order_relaxed) != next;
}

void ThreadTeam::barrier() {
  const auto n = static_cast<std::uint32_t>(running_);
  if (n == 1) return;
  const std::uint32_t phase = phase_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == n) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.fetch_add(1, std::memory_order_release);
    phase_.notify_all();
  } else {
    wait_while_equal(phase_, phase, kSpinsInside);
  }
}

}  // namespace lilith::runtime

namespace lilith {

// Busy: the first of these makes the team, which a fork would leave half made in the child.
void set_num_threads(int n) {
  const runtime::Busy busy;
  runtime::ThreadTeam::instance().resize(n);
}
int num_threads() {
  const runtime::Busy busy;
  return runtime::ThreadTeam::instance().size();
}
void set_spin(bool spin) {
  const runtime::Busy busy;
  runtime::ThreadTeam::instance().set_spin(spin);
}

}  // namespace lilith
