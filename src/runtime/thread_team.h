#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/pace.h"

namespace lilith::runtime {

/// The threads that run programs. One program at a time; its caller is thread 0. Threads spin
/// inside a program, linger a moment after it, then sleep. A spin gives the core away after a
/// while, so an oversubscribed machine makes progress; where others keep the team's threads from
/// running, the caller runs alone (Pace).
class ThreadTeam {
 public:
  using Task = void (*)(void* context, int thread, int num_threads);
  using Prepare = void (*)(void* context, int num_threads);

  static ThreadTeam& instance();
  ~ThreadTeam();

  /// Runs task on every thread, or on the caller as the only one, and returns when all are done.
  /// Calls from several threads take turns. `prepare` runs first, on the caller alone, once the
  /// number of threads of this run is fixed: what a task needs per thread is allocated there.
  /// `may_leave`: threads other than the caller end their task where `meet` says so.
  void run(Task task, void* context, Prepare prepare = nullptr, bool may_leave = false);
  /// All threads of the running task meet here.
  void barrier();
  /// The same. False: from here on the caller, thread 0, does it all, as the only thread there is.
  bool meet(int thread);

  /// May change at once when another thread calls resize; within a run it is fixed.
  int size() const { return size_.load(std::memory_order_relaxed); }
  void resize(int n);
  bool spin() const { return spin_.load(std::memory_order_relaxed); }
  void lock_for_fork() { turn_.lock(); }
  void unlock_after_fork(bool child);
  void set_spin(bool spin) { spin_.store(spin, std::memory_order_relaxed); }

 private:
  ThreadTeam();
  void start(int n);
  void forget_threads();  // in the child of a fork, which has none of them
  void stop();
  void work(int thread, std::uint32_t seen);  // seen: the last epoch that is not its business

  Pace pace_;
  std::mutex turn_;  // held by the caller of run and of resize
  std::vector<std::thread> workers_;
  std::atomic<int> size_{1};
  std::atomic<bool> spin_{true};

  int running_ = 1;  // threads of the run
  Task task_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<std::uint32_t> epoch_{0};  // counts tasks; workers wait for it to change
  alignas(64) std::atomic<std::uint32_t> arrived_{0};  // threads that reached the current barrier
  alignas(64) std::atomic<std::uint32_t> phase_{0};    // counts barriers
  std::atomic<std::uint32_t> left_at_{0};              // the barrier behind which thread 0 is alone
  bool may_leave_ = false;
  Pace::Clock::time_point start_;
  std::atomic<bool> stopping_{false};
};

/// Cores this process may use: its affinity mask, cut by the cgroup's CPU quota.
int available_cores();

}  // namespace lilith::runtime
