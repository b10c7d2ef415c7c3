#include "runtime/opencl/api.h"

#include <utility>

#include "lilith/error.h"
#include "runtime/shared_library.h"

namespace lilith::runtime::opencl {
namespace {

void find_all(SharedLibrary& in, Api* api) {
  in.find(&api->clGetPlatformIDs, "clGetPlatformIDs");
  in.find(&api->clGetPlatformInfo, "clGetPlatformInfo");
  in.find(&api->clGetDeviceIDs, "clGetDeviceIDs");
  in.find(&api->clGetDeviceInfo, "clGetDeviceInfo");
  in.find(&api->clCreateContext, "clCreateContext");
  in.find(&api->clCreateCommandQueue, "clCreateCommandQueue");
  in.find(&api->clReleaseContext, "clReleaseContext");
  in.find(&api->clCreateBuffer, "clCreateBuffer");
  in.find(&api->clReleaseMemObject, "clReleaseMemObject");
  in.find(&api->clEnqueueWriteBuffer, "clEnqueueWriteBuffer");
  in.find(&api->clEnqueueReadBuffer, "clEnqueueReadBuffer");
  in.find(&api->clEnqueueCopyBuffer, "clEnqueueCopyBuffer");
  in.find(&api->clEnqueueFillBuffer, "clEnqueueFillBuffer");
  in.find(&api->clCreateProgramWithSource, "clCreateProgramWithSource");
  in.find(&api->clBuildProgram, "clBuildProgram");
  in.find(&api->clGetProgramBuildInfo, "clGetProgramBuildInfo");
  in.find(&api->clGetProgramInfo, "clGetProgramInfo");
  in.find(&api->clCreateProgramWithBinary, "clCreateProgramWithBinary");
  in.find(&api->clReleaseProgram, "clReleaseProgram");
  in.find(&api->clCreateKernel, "clCreateKernel");
  in.find(&api->clReleaseKernel, "clReleaseKernel");
  in.find(&api->clSetKernelArg, "clSetKernelArg");
  in.find(&api->clGetKernelWorkGroupInfo, "clGetKernelWorkGroupInfo");
  in.find(&api->clEnqueueNDRangeKernel, "clEnqueueNDRangeKernel");
  in.find(&api->clFlush, "clFlush");
  in.find(&api->clFinish, "clFinish");
  in.find(&api->clGetEventInfo, "clGetEventInfo");
  in.find(&api->clWaitForEvents, "clWaitForEvents");
  in.find(&api->clReleaseEvent, "clReleaseEvent");
}

// Errors that OpenCL 1.2 and its loader define.
constexpr std::pair<cl_int, const char*> kErrors[] = {
    {CL_DEVICE_NOT_FOUND, "CL_DEVICE_NOT_FOUND"},
    {CL_DEVICE_NOT_AVAILABLE, "CL_DEVICE_NOT_AVAILABLE"},
    {CL_COMPILER_NOT_AVAILABLE, "CL_COMPILER_NOT_AVAILABLE"},
    {CL_MEM_OBJECT_ALLOCATION_FAILURE, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
    {CL_OUT_OF_RESOURCES, "CL_OUT_OF_RESOURCES"},
    {CL_OUT_OF_HOST_MEMORY, "CL_OUT_OF_HOST_MEMORY"},
    {CL_PROFILING_INFO_NOT_AVAILABLE, "CL_PROFILING_INFO_NOT_AVAILABLE"},
    {CL_MEM_COPY_OVERLAP, "CL_MEM_COPY_OVERLAP"},
    {CL_BUILD_PROGRAM_FAILURE, "CL_BUILD_PROGRAM_FAILURE"},
    {CL_MAP_FAILURE, "CL_MAP_FAILURE"},
    {CL_MISALIGNED_SUB_BUFFER_OFFSET, "CL_MISALIGNED_SUB_BUFFER_OFFSET"},
    {CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST"},
    {CL_COMPILE_PROGRAM_FAILURE, "CL_COMPILE_PROGRAM_FAILURE"},
    {CL_LINKER_NOT_AVAILABLE, "CL_LINKER_NOT_AVAILABLE"},
    {CL_LINK_PROGRAM_FAILURE, "CL_LINK_PROGRAM_FAILURE"},
    {CL_KERNEL_ARG_INFO_NOT_AVAILABLE, "CL_KERNEL_ARG_INFO_NOT_AVAILABLE"},
    {CL_INVALID_VALUE, "CL_INVALID_VALUE"},
    {CL_INVALID_DEVICE_TYPE, "CL_INVALID_DEVICE_TYPE"},
    {CL_INVALID_PLATFORM, "CL_INVALID_PLATFORM"},
    {CL_INVALID_DEVICE, "CL_INVALID_DEVICE"},
    {CL_INVALID_CONTEXT, "CL_INVALID_CONTEXT"},
    {CL_INVALID_QUEUE_PROPERTIES, "CL_INVALID_QUEUE_PROPERTIES"},
    {CL_INVALID_COMMAND_QUEUE, "CL_INVALID_COMMAND_QUEUE"},
    {CL_INVALID_HOST_PTR, "CL_INVALID_HOST_PTR"},
    {CL_INVALID_MEM_OBJECT, "CL_INVALID_MEM_OBJECT"},
    {CL_INVALID_BINARY, "CL_INVALID_BINARY"},
    {CL_INVALID_BUILD_OPTIONS, "CL_INVALID_BUILD_OPTIONS"},
    {CL_INVALID_PROGRAM, "CL_INVALID_PROGRAM"},
    {CL_INVALID_PROGRAM_EXECUTABLE, "CL_INVALID_PROGRAM_EXECUTABLE"},
    {CL_INVALID_KERNEL_NAME, "CL_INVALID_KERNEL_NAME"},
    {CL_INVALID_KERNEL_DEFINITION, "CL_INVALID_KERNEL_DEFINITION"},
    {CL_INVALID_KERNEL, "CL_INVALID_KERNEL"},
    {CL_INVALID_ARG_INDEX, "CL_INVALID_ARG_INDEX"},
    {CL_INVALID_ARG_VALUE, "CL_INVALID_ARG_VALUE"},
    {CL_INVALID_ARG_SIZE, "CL_INVALID_ARG_SIZE"},
    {CL_INVALID_KERNEL_ARGS, "CL_INVALID_KERNEL_ARGS"},
    {CL_INVALID_WORK_DIMENSION, "CL_INVALID_WORK_DIMENSION"},
    {CL_INVALID_WORK_GROUP_SIZE, "CL_INVALID_WORK_GROUP_SIZE"},
    {CL_INVALID_WORK_ITEM_SIZE, "CL_INVALID_WORK_ITEM_SIZE"},
    {CL_INVALID_GLOBAL_OFFSET, "CL_INVALID_GLOBAL_OFFSET"},
    {CL_INVALID_EVENT_WAIT_LIST, "CL_INVALID_EVENT_WAIT_LIST"},
    {CL_INVALID_EVENT, "CL_INVALID_EVENT"},
    {CL_INVALID_OPERATION, "CL_INVALID_OPERATION"},
    {CL_INVALID_BUFFER_SIZE, "CL_INVALID_BUFFER_SIZE"},
    {CL_INVALID_GLOBAL_WORK_SIZE, "CL_INVALID_GLOBAL_WORK_SIZE"},
    {CL_INVALID_PROPERTY, "CL_INVALID_PROPERTY"},
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
};

}  // namespace

bool load_api(const char* library, Api* api, std::string* why) {
  SharedLibrary loader;
  if (!loader.open(library)) {
    *why = fmt::format("there is no OpenCL loader: {}", loader.error());
    return false;
  }
  find_all(loader, api);
  if (loader.missing() != nullptr) {
    *why = fmt::format("the OpenCL loader {} is older than OpenCL 1.2: it has no {}", library,
                       loader.missing());
    return false;
  }
  return true;
}

std::string error_name(cl_int code) {
  for (const auto& [value, name] : kErrors) {
    if (value == code) return fmt::format("{} ({})", name, code);
  }
  return fmt::format("error {}", code);
}

void fail_call(const char* call, cl_int code, const std::string& device) {
  throw DeviceError(fmt::format("opencl: {} failed on {}: {}", call, device, error_name(code)),
                    LocScope::current());
}

}  // namespace lilith::runtime::opencl
