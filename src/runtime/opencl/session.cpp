#include "runtime/opencl/session.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>

namespace lilith::runtime::opencl {
namespace {

[[maybe_unused]] const bool fork_hooks = at_fork(LockOrder::Memory, {.child = Gate::lose});

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
  Session& s = session();
  if (const Listing* known = s.listing.load(std::memory_order_acquire)) return *known;
  const Busy busy;
  const std::lock_guard lock(s.mutex);
  if (const Listing* known = s.listing) return *known;
  const KeepSignals keep;
  auto found = std::make_unique<Listing>(list_devices("libOpenCL.so.1", &s.api));
  const std::size_t count = std::min(found->devices.size(), kMaxDevices);
  found->devices.resize(count);
  found->ids.resize(count);
  Gate::open();
  s.listing = found.get();
  return *found.release();
}

const std::vector<DeviceInfo>& devices() { return listing().devices; }
const std::string& why_none() { return listing().why_none; }

}  // namespace lilith::runtime::opencl
