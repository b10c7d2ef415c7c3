#pragma once
#include <atomic>

#include "runtime/opencl/session.h"

namespace lilith::testing {

/// While it lives: what is asked of the OpenCL driver is counted, and memory may be refused. One at
/// a time.
class DriverCalls {
 public:
  DriverCalls() : saved_(api()) {
    reads = waiting_writes = writes = launches = 0;
    refuses_memory = false;
    real_ = saved_;
    api().clEnqueueReadBuffer = read;
    api().clEnqueueWriteBuffer = write;
    api().clEnqueueNDRangeKernel = launch;
    api().clCreateBuffer = create;
  }
  ~DriverCalls() { api() = saved_; }
  DriverCalls(const DriverCalls&) = delete;

  static inline std::atomic<int> reads, writes, waiting_writes, launches;
  static inline std::atomic<bool> refuses_memory;

 private:
  using Api = runtime::opencl::Api;
  static Api& api() { return runtime::opencl::session().api; }

  static cl_int read(cl_command_queue q, cl_mem b, cl_bool wait, std::size_t at, std::size_t n,
                     void* to, cl_uint events, const cl_event* list, cl_event* event) {
    ++reads;
    return real_.clEnqueueReadBuffer(q, b, wait, at, n, to, events, list, event);
  }
  static cl_int write(cl_command_queue q, cl_mem b, cl_bool wait, std::size_t at, std::size_t n,
                      const void* from, cl_uint events, const cl_event* list, cl_event* event) {
    ++writes;
    waiting_writes += wait == CL_TRUE;
    return real_.clEnqueueWriteBuffer(q, b, wait, at, n, from, events, list, event);
  }
  static cl_int launch(cl_command_queue q, cl_kernel k, cl_uint dims, const std::size_t* offset,
                       const std::size_t* items, const std::size_t* group, cl_uint events,
                       const cl_event* list, cl_event* event) {
    ++launches;
    return real_.clEnqueueNDRangeKernel(q, k, dims, offset, items, group, events, list, event);
  }
  static cl_mem create(cl_context c, cl_mem_flags flags, std::size_t n, void* host, cl_int* code) {
    if (!refuses_memory) return real_.clCreateBuffer(c, flags, n, host, code);
    *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return nullptr;
  }

  static inline Api real_;
  const Api saved_;
};

}  // namespace lilith::testing
