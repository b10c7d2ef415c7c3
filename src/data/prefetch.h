#pragma once
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "lilith/data/loader.h"

namespace lilith::data {

/// Threads that make the batches of a stream, from where it stands, a few ahead of who takes them.
class Prefetcher {
 public:
  explicit Prefetcher(const BatchStream& stream);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;

  /// Batch k: taken in order. Throws what making it threw.
  std::vector<Tensor> take(std::int64_t k);

 private:
  struct Made {
    std::vector<Tensor> batch;
    std::exception_ptr error;
  };
  void work();

  const BatchStream stream_;
  const Loc line_;  // of the loop
  std::mutex mutex_;
  std::condition_variable made_, room_;
  std::map<std::int64_t, Made> ready_;
  std::int64_t next_, taken_, ahead_;
  bool done_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace lilith::data
