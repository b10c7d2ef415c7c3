#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lilith/device.h"
#include "lilith/error.h"

namespace lilith {
class Launcher;
namespace runtime {
class DeviceMemory;
}
namespace schedule {
struct Plan;
struct Target;
}  // namespace schedule

/// What a kind's `launcher` throws where a kernel asks for more of a block than the device has for
/// it: the program is planned anew, for smaller blocks.
class TooLarge : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

/// All that the library knows of a kind of device: a row of one table. Each stage asks its own
/// column, and none which kind it is (docs/adding-a-device.md). `i` counts the kind's devices.
struct DeviceKind {
  std::string name;                // "opencl"
  int (*count)();                  // finds them at its first call
  std::string (*why_none)();       // one line; empty where there are some
  std::string (*describe)(int i);  // as it calls itself
  bool (*is_accelerator)(int i);   // best_available_device may choose it
  runtime::DeviceMemory& (*memory)(int i);
  schedule::Target (*target)(int i);  // what plans for it are made for
  std::unique_ptr<Launcher> (*launcher)(const schedule::Plan& plan, int i);
  /// The launcher of a plan without kernels, from what Launcher::code said in another process; null
  /// where that is of no use here. Without it the kind's programs are not kept on disk as a whole.
  std::unique_ptr<Launcher> (*restore)(const schedule::Plan& plan, std::string_view code,
                                       int i) = nullptr;
  /// Its launcher runs launches that are loops (schedule::LoopPlan) or functions of the host
  /// (CallPlan). Others get their graphs with scans step by step, while_loops interpreted and calls
  /// made on the host.
  bool runs_loops = false;
};

/// Adds a row for the life of the process and returns the kind that names it; the library's own
/// kinds keep their numbers. For static initialisers. InternalError for a name that is taken.
Device::Kind register_device_kind(DeviceKind row);
/// InternalError for a kind without a row.
const DeviceKind& kind_of(Device device);
/// DeviceError, listing the devices there are, when this machine has no such device.
void check_device(std::string_view what, Device device);
/// What "cuda:1" names, whether or not there is one; nothing where no kind is called so.
std::optional<Device> find_device_name(std::string_view text);

}  // namespace lilith
