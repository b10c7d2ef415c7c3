#pragma once
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <string>

// OpenCL is found when the process first asks for it: nothing links to it.
namespace lilith::runtime::opencl {

/// The functions that are called, by the names of the standard. All of them belong to version 1.2.
struct Api {
  decltype(&::clGetPlatformIDs) clGetPlatformIDs = nullptr;
  decltype(&::clGetPlatformInfo) clGetPlatformInfo = nullptr;
  decltype(&::clGetDeviceIDs) clGetDeviceIDs = nullptr;
  decltype(&::clGetDeviceInfo) clGetDeviceInfo = nullptr;
  decltype(&::clCreateContext) clCreateContext = nullptr;
  decltype(&::clCreateCommandQueue) clCreateCommandQueue = nullptr;
  decltype(&::clReleaseContext) clReleaseContext = nullptr;
  decltype(&::clCreateBuffer) clCreateBuffer = nullptr;
  decltype(&::clReleaseMemObject) clReleaseMemObject = nullptr;
  decltype(&::clEnqueueWriteBuffer) clEnqueueWriteBuffer = nullptr;
  decltype(&::clEnqueueReadBuffer) clEnqueueReadBuffer = nullptr;
  decltype(&::clEnqueueCopyBuffer) clEnqueueCopyBuffer = nullptr;
  decltype(&::clEnqueueFillBuffer) clEnqueueFillBuffer = nullptr;
  decltype(&::clCreateProgramWithSource) clCreateProgramWithSource = nullptr;
  decltype(&::clBuildProgram) clBuildProgram = nullptr;
  decltype(&::clGetProgramBuildInfo) clGetProgramBuildInfo = nullptr;
  decltype(&::clGetProgramInfo) clGetProgramInfo = nullptr;
  decltype(&::clCreateProgramWithBinary) clCreateProgramWithBinary = nullptr;
  decltype(&::clReleaseProgram) clReleaseProgram = nullptr;
  decltype(&::clCreateKernel) clCreateKernel = nullptr;
  decltype(&::clReleaseKernel) clReleaseKernel = nullptr;
  decltype(&::clSetKernelArg) clSetKernelArg = nullptr;
  decltype(&::clGetKernelWorkGroupInfo) clGetKernelWorkGroupInfo = nullptr;
  decltype(&::clEnqueueNDRangeKernel) clEnqueueNDRangeKernel = nullptr;
  decltype(&::clFlush) clFlush = nullptr;
  decltype(&::clFinish) clFinish = nullptr;
  decltype(&::clGetEventInfo) clGetEventInfo = nullptr;
  decltype(&::clWaitForEvents) clWaitForEvents = nullptr;
  decltype(&::clReleaseEvent) clReleaseEvent = nullptr;
};

/// Fills `api` from that library. Where it cannot, returns false and says why.
bool load_api(const char* library, Api* api, std::string* why);

/// The standard's name of an error: "CL_OUT_OF_RESOURCES (-5)".
std::string error_name(cl_int code);

/// Throws the DeviceError that names the call, the error and the device.
[[noreturn]] void fail_call(const char* call, cl_int code, const std::string& device);
/// The same unless `code` is CL_SUCCESS.
inline void check(cl_int code, const char* call, const std::string& device) {
  if (code != CL_SUCCESS) fail_call(call, code, device);
}

}  // namespace lilith::runtime::opencl
