#include "runtime/opencl/uploads.h"

#include <algorithm>

#include "runtime/opencl/session.h"

namespace lilith::runtime::opencl {

// What is let go of is freed after the lock.
void Uploads::hold(std::shared_ptr<const void> memory, std::size_t bytes, _cl_event* read) {
  std::deque<Upload> gone;
  const std::lock_guard lock(mutex_);
  all_.push_back({std::move(memory), bytes, read});
  bytes_ += bytes;
  while (all_.size() > 1 && (bytes_ > kMostBytes || all_.size() > kMost)) {
    const cl_int code = api().clWaitForEvents(1, &all_.front().read);
    pop(&gone);
    device_.check(code, "clEnqueueWriteBuffer");
  }
}

void Uploads::let_go() {
  std::deque<Upload> gone;
  const std::lock_guard lock(mutex_);
  while (!all_.empty()) {
    cl_int status = CL_COMPLETE;
    device_.check(api().clGetEventInfo(all_.front().read, CL_EVENT_COMMAND_EXECUTION_STATUS,
                                       sizeof status, &status, nullptr),
                  "clGetEventInfo");
    if (status > CL_COMPLETE) return;  // below: an error
    pop(&gone);
    device_.check(status, "clEnqueueWriteBuffer");
  }
}

void Uploads::pop(std::deque<Upload>* gone) {
  Upload& first = all_.front();
  api().clReleaseEvent(first.read);
  bytes_ -= first.bytes;
  gone->push_back(std::move(first));
  all_.pop_front();
}

}  // namespace lilith::runtime::opencl
