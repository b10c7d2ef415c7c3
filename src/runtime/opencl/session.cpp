#include "runtime/opencl/session.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "lilith/error.h"

namespace lilith::runtime::opencl {
namespace {

using State = Session::State;

thread_local int depth = 0;  // of this thread's entries

// A driver's workers must not run when its statics go.
void end() {
  Session& s = session();
  State open = State::Open;
  if (!s.state.compare_exchange_strong(open, State::Ended)) return;
  while (s.calls.load() > (depth > 0 ? 1 : 0))
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  finish_all();
}

void lose_devices() {
  Session& s = session();
  s.calls = depth > 0 ? 1 : 0;
  State open = State::Open;
  s.state.compare_exchange_strong(open, State::Forked);
}

[[maybe_unused]] const bool fork_hooks = at_fork(LockOrder::Memory, {.child = lose_devices});

/// The signals that ask a process to end stay what the program made of them. A driver's compiler
/// takes them when it is first called, to remove its files; its handler then ends the process,
/// which may want to save a checkpoint instead.
class KeepSignals {
 public:
  KeepSignals() {
    for (std::size_t k = 0; k < kSignals.size(); ++k) sigaction(kSignals[k], nullptr, &before_[k]);
  }
  ~KeepSignals() {
    for (std::size_t k = 0; k < kSignals.size(); ++k) sigaction(kSignals[k], &before_[k], nullptr);
  }
  KeepSignals(const KeepSignals&) = delete;

 private:
  static constexpr std::array kSignals = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
  std::array<struct sigaction, kSignals.size()> before_ = {};
};

}  // namespace

Session& session() {
  static Session* s = new Session;
  return *s;
}

const Listing& listing() {
  const Busy busy;
  Session& s = session();
  const std::lock_guard lock(s.mutex);
  if (!s.listing) {
    const KeepSignals keep;
    s.listing = std::make_unique<Listing>(list_devices("libOpenCL.so.1", &s.api));
    s.devices.resize(s.listing->devices.size());
    s.state = State::Open;
    end_before_statics_of_drivers();
  }
  return *s.listing;
}

Entry::Entry() {
  if (depth++ == 0) ++session().calls;
}
Entry::~Entry() {
  if (--depth == 0) --session().calls;
}

Call::Call() {
  const State state = session().state;
  if (state == State::Forked) {
    throw DeviceError(
        "opencl: this process was forked from one that had used OpenCL: the drivers' threads are "
        "not here, so it has no devices. Fork before the first use of a device, or start a new "
        "program",
        LocScope::current());
  }
  if (state == State::Ended) {
    throw DeviceError("opencl: the process is ending, its devices are gone", LocScope::current());
  }
}

void end_before_statics_of_drivers() { std::atexit(end); }

const std::vector<DeviceInfo>& devices() { return listing().devices; }
const std::string& why_none() { return listing().why_none; }

}  // namespace lilith::runtime::opencl
