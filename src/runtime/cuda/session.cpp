#include "runtime/cuda/session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "core/env.h"
#include "lilith/error.h"
#include "runtime/cuda/nvrtc.h"

namespace lilith::runtime::cuda {
namespace {

constexpr int kOldestDriver = 12000;
constexpr int kOldestCapability = 70;  // warps whose threads are independent: __shfl_xor_sync

[[maybe_unused]] const bool fork_hooks = at_fork(LockOrder::Memory, {.child = Gate::lose});

/// Devices that have a number.
constexpr std::size_t kMaxDevices = 256;

struct Listing {
  std::vector<DeviceInfo> devices;
  std::string why_none;
};

/// By number; null: not opened yet. Never destroyed: statics of the user free memory of devices.
struct Opened {
  std::mutex mutex;  // of who opens one; they are read without
  std::array<std::atomic<Device*>, kMaxDevices> devices{};
};
Opened& opened() {
  static auto* o = new Opened;
  return *o;
}

Driver* open_driver() {
  const Busy busy;
  auto* driver = new Driver;
  const std::string& named = env::text("LILITH_CUDA_DRIVER");
  const std::string library = named.empty() ? "libcuda.so.1" : named;
  if (!load_api(library, &driver->api, &driver->why_none)) return driver;
  const Api& api = driver->api;
  if (const Status code = api.cuDriverGetVersion(&driver->version); code != 0) {
    driver->why_none = "cuDriverGetVersion: " + error_text(api, code);
  } else if (driver->version < kOldestDriver) {
    driver->why_none = fmt::format("the driver {} is of CUDA {}; Lilith needs {} or later", library,
                                   version_text(driver->version), version_text(kOldestDriver));
  } else if (const Status started = api.cuInit(0); started == kNoDevice) {
    driver->why_none = "the driver finds no device";
  } else if (started != 0) {
    driver->why_none = "cuInit: " + error_text(api, started);
  }
  return driver;
}

/// Asks a device for what it is; what it refuses to say is 0.
DeviceInfo describe(const Api& api, int number) {
  DeviceInfo d;
  d.number = number;
  std::array<char, 256> name{};
  if (api.cuDeviceGetName(name.data(), static_cast<int>(name.size()) - 1, number) == 0)
    d.name = name.data();
  const auto get = [&](Attribute a) {
    int value = 0;
    return api.cuDeviceGetAttribute(&value, a, number) == 0 ? value : 0;
  };
  d.major = get(kCapabilityMajor);
  d.minor = get(kCapabilityMinor);
  d.multiprocessors = get(kMultiprocessors);
  d.max_threads = get(kMaxThreadsPerBlock);
  d.shared_bytes = static_cast<std::size_t>(get(kMaxSharedBytesPerBlock));
  if (api.cuDeviceTotalMem(&d.global_bytes, number) != 0) d.global_bytes = 0;
  return d;
}

/// Why a device cannot be used; empty where it can.
std::string unfit(const Api& api, const DeviceInfo& d) {
  int mode = 0;
  if (api.cuDeviceGetAttribute(&mode, kComputeMode, d.number) == 0 &&
      mode == kComputeModeProhibited)
    return "is in prohibited compute mode";
  if (d.architecture() < kOldestCapability)
    return fmt::format("has compute capability {}.{}; Lilith needs {}.{} or later", d.major,
                       d.minor, kOldestCapability / 10, kOldestCapability % 10);
  return "";
}

std::vector<DeviceInfo> list_devices(const Driver& driver, std::string* why) {
  *why = driver.why_none;
  if (!why->empty()) return {};
  const Api& api = driver.api;
  int count = 0;
  if (const Status code = api.cuDeviceGetCount(&count); code != 0 || count == 0) {
    *why = code == 0 ? "the driver finds no device" : "cuDeviceGetCount: " + error_text(api, code);
    return {};
  }
  std::vector<DeviceInfo> found;
  const auto note = [&](const std::string& text) { *why += (why->empty() ? "" : "; ") + text; };
  for (int i = 0; i < std::min(count, static_cast<int>(kMaxDevices)); ++i) {
    int number = 0;
    if (const Status code = api.cuDeviceGet(&number, i); code != 0) {
      note("cuDeviceGet: " + error_text(api, code));
      continue;
    }
    DeviceInfo info = describe(api, number);
    const std::string bad = unfit(api, info);
    if (bad.empty())
      found.push_back(std::move(info));
    else
      note(fmt::format("device {} {}", info.name, bad));
  }
  if (found.empty()) return {};
  *why = why_no_compiler();
  return why->empty() ? found : std::vector<DeviceInfo>{};
}

const Listing& listing() {
  static const Listing* found = [] {
    const Busy busy;
    auto* listing = new Listing;
    listing->devices = list_devices(driver(), &listing->why_none);
    if (!listing->devices.empty()) Gate::open();
    return listing;
  }();
  return *found;
}

}  // namespace

const Driver& driver() {
  static const Driver* found = open_driver();
  return *found;
}

void Session::finish() {
  for (const auto& slot : opened().devices) {
    const Device* d = slot;
    if (d == nullptr || api().cuCtxPushCurrent(d->context_) != 0) continue;
    api().cuStreamSynchronize(d->stream_);
    api().cuStreamSynchronize(d->beside_);
    ContextData* was = nullptr;
    api().cuCtxPopCurrent(&was);
  }
}

const std::vector<DeviceInfo>& devices() { return listing().devices; }
const std::string& why_none() { return listing().why_none; }
int driver_version() { return driver().version; }

Device& device(int i) {
  const std::vector<DeviceInfo>& all = devices();
  const auto at = static_cast<std::size_t>(i);
  if (i < 0 || at >= all.size()) {
    throw DeviceError(
        all.empty() ? fmt::format("cuda({}): there is no such device: {}", i, why_none())
                    : fmt::format("cuda({}): there is no such device; there are {}", i, all.size()),
        LocScope::current());
  }
  const Gate::Call call;
  std::atomic<Device*>& slot = opened().devices[at];
  if (Device* d = slot.load(std::memory_order_acquire)) return *d;
  const std::lock_guard lock(opened().mutex);
  if (Device* d = slot) return *d;
  slot = new Device(i, all[at]);
  Gate::end_before_statics();
  return *slot;
}

Current::Current(const Device& device) {
  device.check(api().cuCtxPushCurrent(device.context_), "cuCtxPushCurrent");
}
Current::~Current() {
  ContextData* was = nullptr;
  api().cuCtxPopCurrent(&was);
}

CurrentForRelease::CurrentForRelease(ContextData* context) {
  pushed_ = release_ && api().cuCtxPushCurrent(context) == 0;
}
CurrentForRelease::~CurrentForRelease() {
  ContextData* was = nullptr;
  if (pushed_) api().cuCtxPopCurrent(&was);
}

}  // namespace lilith::runtime::cuda
