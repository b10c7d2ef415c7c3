#include "runtime/cuda/api.h"

#include "lilith/error.h"
#include "runtime/shared_library.h"

namespace lilith::runtime::cuda {
namespace {

void find_devices(SharedLibrary& in, Api* api) {
  in.find(&api->cuInit, "cuInit");
  in.find(&api->cuDriverGetVersion, "cuDriverGetVersion");
  in.find(&api->cuGetErrorName, "cuGetErrorName");
  in.find(&api->cuGetErrorString, "cuGetErrorString");
  in.find(&api->cuDeviceGetCount, "cuDeviceGetCount");
  in.find(&api->cuDeviceGet, "cuDeviceGet");
  in.find(&api->cuDeviceGetName, "cuDeviceGetName");
  in.find(&api->cuDeviceTotalMem, "cuDeviceTotalMem_v2");
  in.find(&api->cuDeviceGetAttribute, "cuDeviceGetAttribute");
  in.find(&api->cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  in.find(&api->cuCtxPushCurrent, "cuCtxPushCurrent_v2");
  in.find(&api->cuCtxPopCurrent, "cuCtxPopCurrent_v2");
}

void find_memory(SharedLibrary& in, Api* api) {
  in.find(&api->cuMemGetInfo, "cuMemGetInfo_v2");
  in.find(&api->cuMemAlloc, "cuMemAlloc_v2");
  in.find(&api->cuMemFree, "cuMemFree_v2");
  in.find(&api->cuMemHostAlloc, "cuMemHostAlloc");
  in.find(&api->cuMemFreeHost, "cuMemFreeHost");
  in.find(&api->cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2");
  in.find(&api->cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
  in.find(&api->cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2");
}

void find_launches(SharedLibrary& in, Api* api) {
  in.find(&api->cuStreamCreate, "cuStreamCreate");
  in.find(&api->cuStreamSynchronize, "cuStreamSynchronize");
  in.find(&api->cuStreamWaitEvent, "cuStreamWaitEvent");
  in.find(&api->cuEventCreate, "cuEventCreate");
  in.find(&api->cuEventRecord, "cuEventRecord");
  in.find(&api->cuEventDestroy, "cuEventDestroy_v2");
  in.find(&api->cuEventSynchronize, "cuEventSynchronize");
  in.find(&api->cuEventElapsedTime, "cuEventElapsedTime");
  in.find(&api->cuModuleLoadData, "cuModuleLoadData");
  in.find(&api->cuModuleUnload, "cuModuleUnload");
  in.find(&api->cuModuleGetFunction, "cuModuleGetFunction");
  in.find(&api->cuLaunchKernel, "cuLaunchKernel");
  in.find(&api->cuGraphCreate, "cuGraphCreate");
  in.find(&api->cuGraphDestroy, "cuGraphDestroy");
  in.find(&api->cuGraphAddKernelNode, "cuGraphAddKernelNode_v2");
  in.find(&api->cuGraphInstantiate, "cuGraphInstantiateWithFlags");
  in.find(&api->cuGraphExecDestroy, "cuGraphExecDestroy");
  in.find(&api->cuGraphExecKernelNodeSetParams, "cuGraphExecKernelNodeSetParams_v2");
  in.find(&api->cuGraphLaunch, "cuGraphLaunch");
}

}  // namespace

bool load_api(const std::string& library, Api* api, std::string* why) {
  SharedLibrary in;
  if (!in.open(library.c_str())) {
    *why = fmt::format("no NVIDIA driver is installed: {}", in.error());
    return false;
  }
  find_devices(in, api);
  find_memory(in, api);
  find_launches(in, api);
  if (in.missing() == nullptr) return true;
  // The version says more than the function, where it can be asked for.
  int version = 0;
  if (api->cuDriverGetVersion != nullptr && api->cuDriverGetVersion(&version) == 0)
    *why = fmt::format("the driver {} is of CUDA {}; Lilith needs 12.0 or later", library,
                       version_text(version));
  else
    *why =
        fmt::format("{} is no driver of CUDA 12.0 or later: it has no {}", library, in.missing());
  return false;
}

std::string error_text(const Api& api, Status code) {
  const char *name = nullptr, *text = nullptr;
  if (api.cuGetErrorName(code, &name) != 0 || name == nullptr) return fmt::format("error {}", code);
  if (api.cuGetErrorString(code, &text) != 0 || text == nullptr) text = "";
  return fmt::format("{} ({}){}{}", name, code, *text ? ": " : "", text);
}

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace lilith::runtime::cuda
