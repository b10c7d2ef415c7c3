#pragma once
#include <string>

#include "runtime/cuda/api.h"
#include "runtime/cuda/device.h"
#include "runtime/driver_gate.h"

// What the process has to do with CUDA: the driver, the list of devices, those that were opened.
namespace lilith::runtime::cuda {

/// The driver, without its devices.
struct Driver {
  Api api;
  int version = 0;  // 12040 is 12.4
  std::string why_none;
};

/// Opened at the first call.
const Driver& driver();
inline const Api& api() { return driver().api; }

/// Where calls pass (driver_gate.h).
struct Session {
  static constexpr const char* kName = "cuda";
  static constexpr const char* kTitle = "CUDA";
  static void finish();
};
using Gate = DriverGate<Session>;

/// Held while a device is called: its context is this thread's. The one that was, is again
/// afterwards: another library may have set it.
class Current {
 public:
  explicit Current(const Device& device);
  Current(const Current&) = delete;
  ~Current();

 private:
  const Gate::Call call_;
};
/// The same for what lets go of things: false when there is nothing left to let go of.
class CurrentForRelease {
 public:
  explicit CurrentForRelease(ContextData* context);
  CurrentForRelease(const CurrentForRelease&) = delete;
  ~CurrentForRelease();
  explicit operator bool() const { return pushed_; }

 private:
  const Gate::Release release_;
  bool pushed_ = false;
};

}  // namespace lilith::runtime::cuda
