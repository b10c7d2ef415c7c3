#pragma once
#include "eval/launcher.h"

namespace lilith {

/// For devices whose launches are queued one after another: who reads a buffer waits for them.
class QueuedLauncher : public Launcher {
 public:
  explicit QueuedLauncher(std::size_t launches) : launches_(launches) {}

  void run(Instance& instance) const override {
    for (std::size_t k = 0; k < launches_; ++k) enqueue(k, instance);
  }
  void run_in_steps(Instance& instance,
                    const std::function<void(std::size_t)>& after) const override {
    for (std::size_t k = 0; k < launches_; ++k) {
      enqueue(k, instance);
      after(k);
    }
  }

 protected:
  virtual void enqueue(std::size_t launch, const Instance& instance) const = 0;
  std::size_t num_launches() const { return launches_; }

 private:
  const std::size_t launches_;
};

}  // namespace lilith
