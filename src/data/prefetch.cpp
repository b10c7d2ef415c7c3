#include "data/prefetch.h"

#include <sched.h>

#include <utility>

#include "runtime/thread_team.h"

namespace lilith::data {

Prefetcher::Prefetcher(const BatchStream& stream)
    : stream_(stream), line_(LocScope::current()), next_(stream.position()), taken_(next_) {
  const DataLoaderOptions& o = stream.options();
  ahead_ = o.num_workers * o.prefetch_factor;
  runtime::ThreadTeam::instance();  // whose threads wake as those of who makes it do
  for (std::int64_t i = 0; i < o.num_workers; ++i) threads_.emplace_back([this] { work(); });
}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  room_.notify_all();
  for (std::thread& t : threads_) t.join();
}

namespace {
// A worker that wakes does not take the core of who woke it, which goes on with its step. Where the
// system refuses, it is a thread as others are.
void let_others_run() {
  const sched_param none{};
  sched_setscheduler(0, SCHED_BATCH, &none);
}
}  // namespace

void Prefetcher::work() {
  let_others_run();
  const LocScope::Fallback line(line_);
  std::unique_lock lock(mutex_);
  while (true) {
    room_.wait(lock,
               [&] { return done_ || next_ >= stream_.batches() || next_ < taken_ + ahead_; });
    if (done_ || next_ >= stream_.batches()) return;
    const std::int64_t k = next_++;
    lock.unlock();
    Made made;
    try {
      made.batch = stream_.batch(k);
    } catch (...) {
      made.error = std::current_exception();
    }
    lock.lock();
    ready_[k] = std::move(made);
    made_.notify_all();
  }
}

std::vector<Tensor> Prefetcher::take(std::int64_t k) {
  std::unique_lock lock(mutex_);
  made_.wait(lock, [&] { return ready_.count(k) != 0; });
  Made made = std::move(ready_.at(k));
  ready_.erase(k);
  taken_ = k + 1;
  lock.unlock();
  room_.notify_all();
  if (made.error) std::rethrow_exception(made.error);
  return std::move(made.batch);
}

}  // namespace lilith::data
