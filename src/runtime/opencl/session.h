#pragma once
#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/driver_gate.h"
#include "runtime/opencl/api.h"
#include "runtime/opencl/device.h"

// What the process has to do with OpenCL: the loader, the list of devices, those that were opened.
namespace lilith::runtime::opencl {

/// Devices that have a number.
constexpr std::size_t kMaxDevices = 256;

/// The devices of all platforms.
struct Listing {
  std::vector<DeviceInfo> devices;
  std::vector<cl_device_id> ids;
  std::string why_none;
};
/// Asks every platform that the loader `library` knows.
Listing list_devices(const char* library, Api* api);

struct Session {
  std::mutex mutex;  // of who makes what follows; it is read without
  Api api;
  std::atomic<const Listing*> listing{nullptr};             // null: not asked for yet
  std::array<std::atomic<Device*>, kMaxDevices> devices{};  // by number; null: not opened yet

  static constexpr const char* kName = "opencl";
  static constexpr const char* kTitle = "OpenCL";
  /// Waits for all devices.
  static void finish();
};
/// Never destroyed: statics of the user free memory of devices.
Session& session();
const Listing& listing();
inline const Api& api() { return session().api; }

/// Where calls pass (driver_gate.h).
using Gate = DriverGate<Session>;
using Call = Gate::Call;
using Release = Gate::Release;

}  // namespace lilith::runtime::opencl
