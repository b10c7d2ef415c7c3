#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/fork.h"
#include "runtime/opencl/api.h"
#include "runtime/opencl/device.h"

// What the process has to do with OpenCL: the loader, the list of devices, those that were opened.
namespace lilith::runtime::opencl {

/// The devices of all platforms.
struct Listing {
  std::vector<DeviceInfo> devices;
  std::vector<cl_device_id> ids;
  std::string why_none;
};
/// Asks every platform that the loader `library` knows.
Listing list_devices(const char* library, Api* api);

struct Session {
  enum class State { Closed, Open, Forked, Ended };
  std::atomic<State> state{State::Closed};
  std::atomic<int> calls{0};  // under way
  std::mutex mutex;           // of what follows
  Api api;
  std::unique_ptr<Listing> listing;
  std::vector<std::unique_ptr<Device>> devices;  // by number; null: not opened yet
};
/// Never destroyed: statics of the user free memory of devices.
Session& session();
const Listing& listing();
inline const Api& api() { return session().api; }

/// Held while a driver is called: fork() and the end of the process wait for it. Nests.
class Entry {
 public:
  Entry();
  Entry(const Entry&) = delete;
  ~Entry();

 private:
  const Busy busy_;
};
/// The same; Error when there is nothing left to call.
class Call {
 public:
  Call();

 private:
  const Entry entry_;
};
/// Of what lets go of things: false when there is nothing left to let go of.
class Release {
 public:
  explicit operator bool() const { return session().state == Session::State::Open; }

 private:
  const Entry entry_;
};

/// At the end of the process the drivers are left alone before their own statics are destroyed.
/// What a driver makes later on its way, as its compiler does, goes earlier: to be called again
/// after such calls.
void end_before_statics_of_drivers();
/// Waits for all devices.
void finish_all();

}  // namespace lilith::runtime::opencl
