#include "eval/ahead.h"

#include <sched.h>

#include <algorithm>
#include <functional>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "codegen/codegen.h"
#include "core/env.h"
#include "eval/first_sizes.h"
#include "eval/program_store.h"
#include "eval/split.h"
#include "ir/graph_numbers.h"
#include "runtime/fork.h"
#include "runtime/thread_team.h"

namespace lilith::driver {
namespace {

constexpr std::size_t kMostAhead = 4;    // programs of one series
constexpr std::size_t kMostSeries = 64;  // beyond, the one that was not used for longest goes
constexpr int kMostThreads = 3;

int num_threads() { return std::min(runtime::ThreadTeam::instance().size() / 2, kMostThreads); }

bool is_for_it(const ir::Numbered& g) {
  if (env::disabled("ahead") || env::eager() || own_sizes() || is_watched()) return false;
  return num_threads() > 0 && is_on_one_device(g.graph()) &&
         g.graph().outputs()[0].device() == cpu() && !has_code_of_the_user(g);
}

Key key_of(const Graph& g) {
  std::vector<ir::NodeImpl*> outputs;
  for (const Tensor& t : g.outputs()) outputs.push_back(t.node());
  return canonicalise(outputs).key;
}

std::vector<std::int64_t> sum(const std::vector<std::int64_t>& a,
                              const std::vector<std::int64_t>& b) {
  std::vector<std::int64_t> out(a.size());
  std::ranges::transform(a, b, out.begin(), [](std::int64_t x, std::int64_t y) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(x) + static_cast<std::uint64_t>(y));
  });
  return out;
}
/// Empty where they are not alike.
std::vector<std::int64_t> difference(const std::vector<std::int64_t>& a,
                                     const std::vector<std::int64_t>& b) {
  if (a.size() != b.size()) return {};
  std::vector<std::int64_t> out(a.size());
  std::ranges::transform(a, b, out.begin(), [](std::int64_t x, std::int64_t y) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(x) - static_cast<std::uint64_t>(y));
  });
  return out;
}

/// Whether a size would be none, or less.
bool has_shrunk_to_nothing(const std::vector<std::int64_t>& from,
                           const std::vector<std::int64_t>& to) {
  for (std::size_t k = 0; k < from.size(); ++k)
    if (from[k] > 0 && to[k] <= 0) return true;
  return false;
}

// It does not take the core of the thread that computes.
void let_others_run() {
  const sched_param none{};
  sched_setscheduler(0, SCHED_BATCH, &none);
}

[[maybe_unused]] const bool fork_hooks = runtime::at_fork(
    runtime::LockOrder::Outer, {.before = [] { Ahead::instance().lock_for_fork(); },
                                .parent = [] { Ahead::instance().unlock_after_fork(); },
                                .child = [] { Ahead::instance().forget_other_threads(); }});
[[maybe_unused]] const bool env_hook = env::before_set([] {
  Ahead::instance().clear();
  Ahead::instance().finish();
});

}  // namespace

struct Ahead::Source {
  Source(Key key, ir::Numbered graph) : key(key), graph(std::move(graph)) {}

  /// Whether a graph that is made with its own numbers is the one that was asked for.
  bool is_sound() {
    std::call_once(checked_, [this] {
      sound_ = key_of(ir::with_numbers(graph, ir::numbers_of(graph).numbers)) == key;
    });
    return sound_;
  }

  const Key key;
  const ir::Numbered graph;

 private:
  std::once_flag checked_;
  bool sound_ = false;
};

struct Ahead::Job {
  Job(std::shared_ptr<Source> source, std::vector<std::int64_t> numbers)
      : source(std::move(source)), numbers(std::move(numbers)) {}

  enum class State : std::uint8_t { Queued, Making, Done };

  /// What is wrong with it is said where it is asked for.
  void make() {
    try {
      if (source->key.precision != lilith::precision() || !source->is_sound()) return;
      const Graph g = ir::with_numbers(source->graph, numbers);
      key = key_of(g);
      if (ProgramCache::instance().has(key)) return;
      made = make_program_ahead(g, source->key.precision);
      if (source->key.precision != lilith::precision()) made.reset();  // the passes may have asked
    } catch (const Error&) {
    } catch (const ShowsMore&) {
    } catch (const codegen::Gone&) {  // the process ends
    } catch (const std::bad_alloc&) {
    }
  }

  std::shared_ptr<Source> source;
  std::vector<std::int64_t> numbers;
  State state = State::Queued;  // under the mutex
  Key key = {};                 // once it is done, as the next
  std::optional<MadeProgram> made = {};
};

Ahead& Ahead::instance() {
  static Ahead* ahead = new Ahead;  // outlives every static that still compiles
  return *ahead;
}

std::optional<MadeProgram> Ahead::take(const Key& key, const Graph& graph) {
  const ir::Numbered g(graph);
  if (!is_for_it(g)) return std::nullopt;
  ir::GraphNumbers found = ir::numbers_of(g);
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Job> job = move_on(found.rest, std::move(found.numbers), key, g);
  // One that no thread has begun is made sooner by who asks.
  if (!job || job->state == Job::State::Queued) return std::nullopt;
  while (job->state != Job::State::Done) wait(lock);
  if (!job->made || job->key != key) return std::nullopt;
  taken_.fetch_add(1, std::memory_order_relaxed);
  return std::move(job->made);
}

void Ahead::wait(std::unique_lock<std::mutex>& lock) {
  {
    const runtime::Idle idle;
    made_.wait(lock);
    lock.unlock();  // Idle ends when a fork that is under way has
  }
  lock.lock();
}

void Ahead::clear() {
  std::unordered_map<std::uint64_t, Series> old;  // graphs end without the lock
  const std::lock_guard lock(mutex_);
  queue_.clear();
  series_.swap(old);
}

void Ahead::finish() {
  std::unique_lock lock(mutex_);
  while (busy_ > 0 || (threads_ > 0 && !queue_.empty())) wait(lock);
}

/// Notes what was asked for. The job of it, where it was expected: it is in no list any more.
std::shared_ptr<Ahead::Job> Ahead::move_on(std::uint64_t rest, std::vector<std::int64_t> numbers,
                                           const Key& key, const ir::Numbered& g) {
  Series& series = series_of(rest);
  std::shared_ptr<Job> job;
  if (!series.jobs.empty() && series.jobs.front()->numbers == numbers) {
    job = std::move(series.jobs.front());
    series.jobs.pop_front();
    std::erase(queue_, job);
    series.last = std::move(numbers);
  } else {
    drop(&series);
    std::vector<std::int64_t> step = difference(numbers, series.last);
    const bool goes_on = step == series.step && std::ranges::any_of(step, std::identity());
    if (goes_on) series.source = std::make_shared<Source>(key, g);
    series.last = std::move(numbers);
    series.step = std::move(step);
  }
  if (series.source && !found_) expect_more(&series);
  return job;
}

Ahead::Series& Ahead::series_of(std::uint64_t rest) {
  if (series_.size() >= kMostSeries && !series_.contains(rest)) {
    const auto oldest =
        std::ranges::min_element(series_, {}, [](const auto& s) { return s.second.last_used; });
    drop(&oldest->second);
    series_.erase(oldest);
  }
  Series& series = series_[rest];
  series.last_used = ++clock_;
  return series;
}

void Ahead::expect_more(Series* series) {
  while (series->jobs.size() < kMostAhead) {
    const std::vector<std::int64_t>& last =
        series->jobs.empty() ? series->last : series->jobs.back()->numbers;
    auto job = std::make_shared<Job>(series->source, sum(last, series->step));
    if (has_shrunk_to_nothing(last, job->numbers)) break;
    queue_.push_back(job);
    series->jobs.push_back(std::move(job));
  }
  start_threads();
  asked_.notify_all();
}

void Ahead::drop(Series* series) {
  for (const auto& job : series->jobs) std::erase(queue_, job);
  series->jobs.clear();
  series->source = nullptr;
}

void Ahead::start_threads() {
  try {
    for (; threads_ < num_threads(); ++threads_) std::thread([this] { work(); }).detach();
  } catch (const std::system_error&) {  // there are no more: who asks makes it
  }
}

void Ahead::work() {
  let_others_run();
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [&] { return !queue_.empty(); });
    lock.unlock();
    const runtime::Busy busy;  // asked for without a lock: a fork may be under way
    lock.lock();
    if (queue_.empty()) continue;
    const std::shared_ptr<Job> job = std::move(queue_.front());
    queue_.pop_front();
    job->state = Job::State::Making;
    ++busy_;
    lock.unlock();
    job->make();
    lock.lock();
    --busy_;
    job->state = Job::State::Done;
    made_.notify_all();
  }
}

void Ahead::forget_other_threads() {
  new (&mutex_) std::mutex;
  new (&asked_) std::condition_variable;
  new (&made_) std::condition_variable;
  series_.clear();
  queue_.clear();
  threads_ = busy_ = 0;
}

}  // namespace lilith::driver
