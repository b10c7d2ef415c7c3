#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

// CUDA's driver is found when the process first asks for it: nothing links to it, and no header of
// it is needed. What is used of it is declared here as its documentation says.
namespace lilith::runtime::cuda {

using Status = int;             // CUresult; 0: success
using Address = std::uint64_t;  // CUdeviceptr
struct ContextData;
struct StreamData;
struct EventData;
struct ModuleData;
struct FunctionData;
struct GraphData;
struct NodeData;
struct ExecData;

inline constexpr Status kOutOfMemory = 2, kNoDevice = 100, kInvalidImage = 200, kNoBinary = 209,
                        kUnsupportedPtx = 222, kNotReady = 600;

enum Attribute : int {  // CUdevice_attribute
  kMaxThreadsPerBlock = 1,
  kMaxSharedBytesPerBlock = 8,
  kMultiprocessors = 16,
  kComputeMode = 20,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
};
inline constexpr int kComputeModeProhibited = 2;

struct NodeParams {  // CUDA_KERNEL_NODE_PARAMS_v2
  FunctionData* function = nullptr;
  unsigned grid[3] = {1, 1, 1};
  unsigned block[3] = {1, 1, 1};
  unsigned dynamic_shared_bytes = 0;
  void** params = nullptr;
  void** extra = nullptr;
  void* kernel = nullptr;
  ContextData* context = nullptr;
};

/// The functions that are called, by the names of the library's symbols. All of them belong to
/// version 12.0.
struct Api {
  Status (*cuInit)(unsigned) = nullptr;
  Status (*cuDriverGetVersion)(int*) = nullptr;
  Status (*cuGetErrorName)(Status, const char**) = nullptr;
  Status (*cuGetErrorString)(Status, const char**) = nullptr;
  Status (*cuDeviceGetCount)(int*) = nullptr;
  Status (*cuDeviceGet)(int*, int) = nullptr;
  Status (*cuDeviceGetName)(char*, int, int) = nullptr;
  Status (*cuDeviceTotalMem)(std::size_t*, int) = nullptr;
  Status (*cuDeviceGetAttribute)(int*, Attribute, int) = nullptr;
  Status (*cuDevicePrimaryCtxRetain)(ContextData**, int) = nullptr;
  Status (*cuCtxPushCurrent)(ContextData*) = nullptr;
  Status (*cuCtxPopCurrent)(ContextData**) = nullptr;
  Status (*cuMemGetInfo)(std::size_t* free, std::size_t* total) = nullptr;
  Status (*cuMemAlloc)(Address*, std::size_t) = nullptr;
  Status (*cuMemFree)(Address) = nullptr;
  Status (*cuMemHostAlloc)(void**, std::size_t, unsigned flags) = nullptr;
  Status (*cuMemFreeHost)(void*) = nullptr;
  Status (*cuMemcpyHtoDAsync)(Address, const void*, std::size_t, StreamData*) = nullptr;
  Status (*cuMemcpyDtoHAsync)(void*, Address, std::size_t, StreamData*) = nullptr;
  Status (*cuMemcpyDtoDAsync)(Address, Address, std::size_t, StreamData*) = nullptr;
  Status (*cuStreamCreate)(StreamData**, unsigned flags) = nullptr;
  Status (*cuStreamSynchronize)(StreamData*) = nullptr;
  Status (*cuStreamWaitEvent)(StreamData*, EventData*, unsigned flags) = nullptr;
  Status (*cuEventCreate)(EventData**, unsigned flags) = nullptr;
  Status (*cuEventRecord)(EventData*, StreamData*) = nullptr;
  Status (*cuEventDestroy)(EventData*) = nullptr;
  Status (*cuEventSynchronize)(EventData*) = nullptr;
  Status (*cuEventElapsedTime)(float* ms, EventData*, EventData*) = nullptr;
  Status (*cuModuleLoadData)(ModuleData**, const void*) = nullptr;
  Status (*cuModuleUnload)(ModuleData*) = nullptr;
  Status (*cuModuleGetFunction)(FunctionData**, ModuleData*, const char*) = nullptr;
  Status (*cuLaunchKernel)(FunctionData*, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                           unsigned block_x, unsigned block_y, unsigned block_z,
                           unsigned shared_bytes, StreamData*, void** params,
                           void** extra) = nullptr;
  Status (*cuGraphCreate)(GraphData**, unsigned flags) = nullptr;
  Status (*cuGraphDestroy)(GraphData*) = nullptr;
  Status (*cuGraphAddKernelNode)(NodeData**, GraphData*, NodeData* const* after, std::size_t,
                                 const NodeParams*) = nullptr;
  Status (*cuGraphInstantiate)(ExecData**, GraphData*, unsigned long long flags) = nullptr;
  Status (*cuGraphExecDestroy)(ExecData*) = nullptr;
  Status (*cuGraphExecKernelNodeSetParams)(ExecData*, NodeData*, const NodeParams*) = nullptr;
  Status (*cuGraphLaunch)(ExecData*, StreamData*) = nullptr;
};

/// Fills `api` from that library. Where it cannot, returns false and says why.
bool load_api(const std::string& library, Api* api, std::string* why);

/// The driver's name of an error, and what it says of it: "CUDA_ERROR_NO_DEVICE (100): no CUDA-…".
std::string error_text(const Api& api, Status code);
/// 12040 is 12.4.
std::string version_text(int version);

}  // namespace lilith::runtime::cuda
