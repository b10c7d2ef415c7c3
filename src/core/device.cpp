#include "lilith/device.h"

#include "lilith/error.h"

namespace lilith {
namespace {

std::string list_devices() {
  std::string out;
  for (const Device& d : devices()) out += (out.empty() ? "" : ", ") + d.str();
  return out;
}

Device find_device(Device::Kind kind, const char* what, int index) {
  for (const Device& d : devices()) {
    if (d.kind == kind && d.index == index) return d;
  }
  throw DeviceError(fmt::format("{}({}): there is no such device; the devices are: {}", what, index,
                                list_devices()),
                    LocScope::current());
}

}  // namespace

std::string Device::str() const {
  switch (kind) {
    case Kind::Cpu:
      return "cpu";
    case Kind::Cuda:
      return "cuda:" + std::to_string(index);
    case Kind::OpenCl:
      return "opencl:" + std::to_string(index);
  }
  return "cpu";
}

Device cpu() { return {}; }
Device cuda(int i) { return find_device(Device::Kind::Cuda, "cuda", i); }
Device opencl(int i) { return find_device(Device::Kind::OpenCl, "opencl", i); }

std::vector<Device> devices() { return {cpu()}; }

Device best_available_device() {
  const std::vector<Device> all = devices();
  for (auto kind : {Device::Kind::Cuda, Device::Kind::OpenCl}) {
    for (const Device& d : all) {
      if (d.kind == kind) return d;
    }
  }
  return cpu();
}

}  // namespace lilith
