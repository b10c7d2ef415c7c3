#include <algorithm>
#include <utility>

#include "lilith/error.h"
#include "runtime/opencl/session.h"

// Which devices there are, and what they say of themselves.
namespace lilith::runtime::opencl {
namespace {

constexpr cl_int kNoPlatform = -1001;  // of the loader: no driver is installed

/// Asks one object of OpenCL for its properties; those that it refuses to give are 0 or empty.
template <class Id, class Key, class F>
class Properties {
 public:
  Properties(F get, Id id) : get_(get), id_(id) {}

  std::string text(Key key) const {
    std::size_t bytes = 0;
    if (get_(id_, key, 0, nullptr, &bytes) != CL_SUCCESS || bytes == 0) return "";
    std::string out(bytes, '\0');
    if (get_(id_, key, bytes, out.data(), nullptr) != CL_SUCCESS) return "";
    out.resize(std::min(out.find('\0'), out.size()));
    const std::size_t first = std::min(out.find_first_not_of(' '), out.size());
    return out.substr(first, out.find_last_not_of(' ') + 1 - first);
  }
  template <class T>
  T number(Key key) const {
    T value{};
    return get_(id_, key, sizeof value, &value, nullptr) == CL_SUCCESS ? value : T{};
  }

 private:
  F get_;
  Id id_;
};

DeviceInfo describe(const Api& api, cl_device_id id, const std::string& platform) {
  const Properties<cl_device_id, cl_device_info, decltype(api.clGetDeviceInfo)> p(
      api.clGetDeviceInfo, id);
  DeviceInfo d;
  d.name = p.text(CL_DEVICE_NAME);
  d.vendor = p.text(CL_DEVICE_VENDOR);
  d.platform = platform;
  d.version = p.text(CL_DEVICE_VERSION);
  d.driver = p.text(CL_DRIVER_VERSION);
  // To ask it for a binary would compile every kernel for every size of group.
  d.keeps_programs = platform == "Portable Computing Language";
  d.gpu = (p.template number<cl_device_type>(CL_DEVICE_TYPE) & CL_DEVICE_TYPE_GPU) != 0;
  d.fp64 = p.template number<cl_device_fp_config>(CL_DEVICE_DOUBLE_FP_CONFIG) != 0;
  const auto single = p.template number<cl_device_fp_config>(CL_DEVICE_SINGLE_FP_CONFIG);
  d.exact_division = (single & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
  d.denormals = (single & CL_FP_DENORM) != 0;
  d.local_bytes = static_cast<std::size_t>(p.template number<cl_ulong>(CL_DEVICE_LOCAL_MEM_SIZE));
  d.max_group = p.template number<std::size_t>(CL_DEVICE_MAX_WORK_GROUP_SIZE);
  d.max_param_bytes = p.template number<std::size_t>(CL_DEVICE_MAX_PARAMETER_SIZE);
  d.global_bytes = static_cast<std::size_t>(p.template number<cl_ulong>(CL_DEVICE_GLOBAL_MEM_SIZE));
  d.max_allocation =
      static_cast<std::size_t>(p.template number<cl_ulong>(CL_DEVICE_MAX_MEM_ALLOC_SIZE));
  d.compute_units = static_cast<int>(p.template number<cl_uint>(CL_DEVICE_MAX_COMPUTE_UNITS));
  return d;
}

/// Why a device cannot be used; empty where it can.
std::string unfit(const Api& api, cl_device_id id) {
  const Properties<cl_device_id, cl_device_info, decltype(api.clGetDeviceInfo)> p(
      api.clGetDeviceInfo, id);
  if (p.template number<cl_bool>(CL_DEVICE_AVAILABLE) == CL_FALSE) return "is not available";
  if (p.template number<cl_bool>(CL_DEVICE_COMPILER_AVAILABLE) == CL_FALSE)
    return "has no compiler";
  if (p.template number<cl_bool>(CL_DEVICE_ENDIAN_LITTLE) == CL_FALSE) return "is big-endian";
  const std::string version = p.text(CL_DEVICE_VERSION);  // "OpenCL 1.2 …"
  if (version.starts_with("OpenCL 1.0") || version.starts_with("OpenCL 1.1"))
    return "is older than OpenCL 1.2";
  return "";
}

void add_devices(const Api& api, cl_platform_id platform, Listing* out) {
  const Properties<cl_platform_id, cl_platform_info, decltype(api.clGetPlatformInfo)> p(
      api.clGetPlatformInfo, platform);
  const std::string name = p.text(CL_PLATFORM_NAME);
  const auto note = [&](const std::string& text) {
    out->why_none += (out->why_none.empty() ? "" : "; ") + text;
  };
  cl_uint count = 0;
  const cl_int code = api.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count);
  if (code != CL_SUCCESS || count == 0) {
    return note(code == CL_SUCCESS || code == CL_DEVICE_NOT_FOUND
                    ? fmt::format("platform {} has no device", name)
                    : fmt::format("platform {}: clGetDeviceIDs: {}", name, error_name(code)));
  }
  std::vector<cl_device_id> ids(count);
  check(api.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, ids.data(), nullptr),
        "clGetDeviceIDs", name);
  for (const cl_device_id id : ids) {
    DeviceInfo info = describe(api, id, name);
    if (const std::string why = unfit(api, id); !why.empty()) {
      note(fmt::format("device {} of platform {} {}", info.name, name, why));
      continue;
    }
    out->devices.push_back(std::move(info));
    out->ids.push_back(id);
  }
}

}  // namespace

Listing list_devices(const char* library, Api* api) {
  Listing out;
  if (!load_api(library, api, &out.why_none)) return out;
  cl_uint count = 0;
  const cl_int code = api->clGetPlatformIDs(0, nullptr, &count);
  if (code != CL_SUCCESS || count == 0) {
    out.why_none = code == CL_SUCCESS || code == kNoPlatform
                       ? "no OpenCL driver is installed: the loader knows no platform"
                       : fmt::format("clGetPlatformIDs: {}", error_name(code));
    return out;
  }
  std::vector<cl_platform_id> platforms(count);
  check(api->clGetPlatformIDs(count, platforms.data(), nullptr), "clGetPlatformIDs", "the loader");
  for (const cl_platform_id platform : platforms) add_devices(*api, platform, &out);
  if (!out.devices.empty()) out.why_none.clear();
  return out;
}

}  // namespace lilith::runtime::opencl
