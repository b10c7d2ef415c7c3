#pragma once
#include <source_location>
#include <string>
#include <vector>

#include "lilith/device.h"

namespace lilith {

/// A kind of device, and how much of it this machine has.
struct DeviceKindInfo {
  std::string name;      // "opencl": the name in front of a device's number
  int count = 0;         // of its devices
  std::string why_none;  // why there is none, in one line; empty where there are some
};
/// Every kind that this Lilith knows, the CPU first.
std::vector<DeviceKindInfo> device_kinds();
/// What a device says that it is: "NVIDIA H200". Error where there is no such device.
std::string description(Device device, std::source_location loc = std::source_location::current());
/// The device that a text names: "cpu", "cuda", "cuda:1", "opencl:0"; "best" is
/// best_available_device(). Error, listing the devices there are, for others.
Device parse_device(const std::string& text,
                    std::source_location loc = std::source_location::current());

}  // namespace lilith
