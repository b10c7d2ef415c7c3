#pragma once
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "lilith/error.h"
#include "runtime/fork.h"

// A driver of devices has threads, and statics that go when the process ends. A process that was
// forked from one that has used it has none of those threads; at the end of the process it must be
// left alone before its statics are destroyed. So calls of a driver pass its gate.
namespace lilith::runtime {

enum class DriverState { Closed, Open, Forked, Ended };

/// Driver: `kName` ("opencl"), `kTitle` ("OpenCL"), `finish()`, which waits for all its devices.
template <class Driver>
class DriverGate {
 public:
  static DriverState state() { return state_; }

  /// Once the driver was found.
  static void open() {
    state_ = DriverState::Open;
    end_before_statics();
  }
  /// What a driver makes later on its way, as its compiler does, is destroyed earlier: to be called
  /// again after such calls.
  static void end_before_statics() { std::atexit(end); }
  /// For at_fork: in the child the driver's threads are gone.
  static void lose() {
    calls_ = depth_ > 0 ? 1 : 0;
    DriverState open = DriverState::Open;
    state_.compare_exchange_strong(open, DriverState::Forked);
  }

  /// Held while the driver is called: fork() and the end of the process wait for it. Nests.
  class Entry {
   public:
    Entry() {
      if (depth_++ == 0) ++calls_;
    }
    Entry(const Entry&) = delete;
    ~Entry() {
      if (--depth_ == 0) --calls_;
    }

   private:
    const Busy busy_;
  };
  /// The same; DeviceError when there is nothing left to call.
  class Call {
   public:
    Call() { check(); }

   private:
    const Entry entry_;
  };
  /// Of what lets go of things: false when there is nothing left to let go of.
  class Release {
   public:
    explicit operator bool() const { return state_ == DriverState::Open; }

   private:
    const Entry entry_;
  };

 private:
  // A driver's workers must not run when its statics go.
  static void end() {
    DriverState open = DriverState::Open;
    if (!state_.compare_exchange_strong(open, DriverState::Ended)) return;
    while (calls_.load() > (depth_ > 0 ? 1 : 0))
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    Driver::finish();
  }

  static void check() {
    if (state_ == DriverState::Forked) {
      throw DeviceError(
          fmt::format("{}: this process was forked from one that had used {}: the drivers' threads "
                      "are not here, so it has no devices. Fork before the first use of a device, "
                      "or start a new program",
                      Driver::kName, Driver::kTitle),
          LocScope::current());
    }
    if (state_ == DriverState::Ended) {
      throw DeviceError(
          fmt::format("{}: the process is ending, its devices are gone", Driver::kName),
          LocScope::current());
    }
  }

  inline static std::atomic<DriverState> state_{DriverState::Closed};
  inline static std::atomic<int> calls_{0};   // under way
  inline static thread_local int depth_ = 0;  // of this thread's entries
};

}  // namespace lilith::runtime
