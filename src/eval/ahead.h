#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "eval/canonical.h"
#include "eval/program_cache.h"
#include "ir/numbered.h"

namespace lilith::driver {

/// Programs that are made before they are asked for. Where three of one structure were asked for
/// whose numbers grew by the same amounts (keys and values of a decoder, token by token), those
/// that follow are made on threads of their own while the caller computes. They are what would be
/// made then: one that is expected and not asked for next is dropped, so that nothing follows from
/// when it was made. None is where the team has one thread, where the user's own ops or passes
/// would be called, and under LILITH_DISABLE=ahead. Thread-safe.
class Ahead {
 public:
  static Ahead& instance();

  /// The program of `g`, where it was expected; waits for it while it is being made. Begins to make
  /// those that follow. On a thread that holds no lock.
  std::optional<MadeProgram> take(const Key& key, const Graph& g);
  /// Whether a program was found on disk: where they are, there is nothing to gain.
  void note(bool is_found) { found_.store(is_found, std::memory_order_relaxed); }

  /// Expects nothing any more.
  void clear();
  /// Waits until all that is expected is made.
  void finish();
  /// How many programs were there when they were asked for, or were being made.
  std::int64_t num_taken() const { return taken_.load(std::memory_order_relaxed); }

  void lock_for_fork() { mutex_.lock(); }
  void unlock_after_fork() { mutex_.unlock(); }
  void forget_other_threads();  // in the child

 private:
  struct Source;  // what graphs that are expected are made from
  struct Job;
  struct Series {
    std::vector<std::int64_t> last, step;
    std::shared_ptr<Source> source;         // null: nothing is expected
    std::deque<std::shared_ptr<Job>> jobs;  // expected next, in order
    std::uint64_t last_used = 0;
  };

  std::shared_ptr<Job> move_on(std::uint64_t rest, std::vector<std::int64_t> numbers,
                               const Key& key, const ir::Numbered& g);
  Series& series_of(std::uint64_t rest);
  void expect_more(Series* series);
  void drop(Series* series);
  void wait(std::unique_lock<std::mutex>& lock);
  void start_threads();
  void work();

  std::mutex mutex_;
  std::condition_variable asked_, made_;
  std::unordered_map<std::uint64_t, Series> series_;  // by what their graphs have in common
  std::deque<std::shared_ptr<Job>> queue_;
  std::uint64_t clock_ = 0;
  int threads_ = 0, busy_ = 0;  // busy: those that make one
  std::atomic<std::int64_t> taken_{0};
  std::atomic<bool> found_{false};  // the last one
};

}  // namespace lilith::driver
