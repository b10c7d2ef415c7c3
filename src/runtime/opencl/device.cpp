#include "runtime/opencl/device.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <type_traits>

#include "lilith/error.h"
#include "runtime/held_blocks.h"
#include "runtime/opencl/session.h"

namespace lilith::runtime::opencl {
Device& device(int i) {
  const Listing& all = listing();
  const auto at = static_cast<std::size_t>(i);
  if (i < 0 || at >= all.devices.size()) {
    throw DeviceError(all.devices.empty()
                          ? fmt::format("opencl({}): there is no such device: {}", i, all.why_none)
                          : fmt::format("opencl({}): there is no such device; there are {}", i,
                                        all.devices.size()),
                      LocScope::current());
  }
  const Call call;
  Session& s = session();
  if (Device* opened = s.devices[at].load(std::memory_order_acquire)) return *opened;
  const std::lock_guard lock(s.mutex);
  if (Device* opened = s.devices[at]) return *opened;
  s.devices[at] = new Device(i, all.devices[at], all.ids[at]);
  Gate::end_before_statics();
  return *s.devices[at];
}

Device::Device(int index, const DeviceInfo& info, _cl_device_id* id)
    : index_(index), info_(info), name_(fmt::format("opencl:{} ({})", index, info.name)), id_(id) {
  cl_int code = CL_SUCCESS;
  context_ = api().clCreateContext(nullptr, 1, &id, nullptr, nullptr, &code);
  check(code, "clCreateContext");
  queue_ = api().clCreateCommandQueue(context_, id, 0, &code);
  if (code != CL_SUCCESS) {
    api().clReleaseContext(context_);
    check(code, "clCreateCommandQueue");
  }
}

void Session::finish() {
  for (const auto& slot : session().devices) {
    if (Device* d = slot) session().api.clFinish(d->queue_);
  }
}

void Device::check(int code, const char* call) const {
  if (code == CL_SUCCESS) return;
  const std::string held = held_text();
  // Memory that was asked for is taken when a command first needs it.
  if (code == CL_MEM_OBJECT_ALLOCATION_FAILURE) {
    throw DeviceError(fmt::format("opencl: out of memory on {}: {} ({}: {})", name_, held, call,
                                  error_name(code)),
                      LocScope::current());
  }
  if (code != CL_OUT_OF_RESOURCES) fail_call(call, code, name_);
  throw DeviceError(
      fmt::format("opencl: {} failed on {}: {}; {}", call, name_, error_name(code), held),
      LocScope::current());
}

std::string Device::held_text() const {
  return fmt::format("{} held{} of {}", bytes_text(held_bytes_),
                     holders_ ? " (" + holders_() + ")" : "", bytes_text(info_.global_bytes));
}

void Device::fail_allocation(int code, std::size_t bytes) const {
  const std::string most = code == CL_INVALID_BUFFER_SIZE
                               ? fmt::format(", the most that it gives in one block is {}",
                                             bytes_text(info_.max_allocation))
                               : "";
  throw DeviceError(
      fmt::format("opencl: out of memory on {}: {} asked for{}; {} (clCreateBuffer: {})", name_,
                  bytes_text(bytes), most, held_text(), error_name(code)),
      LocScope::current());
}

void Device::check_range(const Buffer& b, std::size_t offset, std::size_t bytes,
                         const char* what) const {
  if (&b.device_ != this) {
    throw InternalError(
        fmt::format("opencl: {} on {} of memory of {}", what, name_, b.device_.name()));
  }
  if (offset > b.bytes_ || bytes > b.bytes_ - offset) {
    throw InternalError(fmt::format("opencl: {} of {} bytes at {} in a block of {}", what, bytes,
                                    offset, b.bytes_));
  }
}

std::unique_ptr<Buffer> Device::allocate(std::size_t bytes) {
  const Call call;
  cl_int code = CL_SUCCESS;
  cl_mem memory = api().clCreateBuffer(context_, CL_MEM_READ_WRITE, std::max<std::size_t>(bytes, 1),
                                       nullptr, &code);
  if (code != CL_SUCCESS) fail_allocation(code, bytes);
  held_bytes_ += bytes;
  return std::unique_ptr<Buffer>(new Buffer(*this, memory, bytes));
}

Buffer::~Buffer() {
  if (const Release release; release) api().clReleaseMemObject(memory_);
  device_.held_bytes_ -= bytes_;
}

void Device::write(Buffer& to, std::size_t offset, const void* from, std::size_t bytes) {
  check_range(to, offset, bytes, "write");
  if (bytes == 0) return;
  constexpr std::size_t kCopied = std::size_t{64} << 10;
  if (bytes <= kCopied) {  // faster than to wait for what is enqueued
    auto copy = std::make_shared_for_overwrite<std::byte[]>(bytes);
    std::memcpy(copy.get(), from, bytes);
    return upload(to, offset, std::move(copy), bytes);
  }
  const Call call;
  check(api().clEnqueueWriteBuffer(queue_, to.memory_, CL_TRUE, offset, bytes, from, 0, nullptr,
                                   nullptr),
        "clEnqueueWriteBuffer");
}

void Device::upload(Buffer& to, std::size_t offset, std::shared_ptr<const void> memory,
                    std::size_t bytes) {
  check_range(to, offset, bytes, "upload");
  if (bytes == 0) return;
  const Call call;
  uploads_.let_go();
  cl_event read = nullptr;
  check(api().clEnqueueWriteBuffer(queue_, to.memory_, CL_FALSE, offset, bytes, memory.get(), 0,
                                   nullptr, &read),
        "clEnqueueWriteBuffer");
  uploads_.hold(std::move(memory), bytes, read);
}

void Device::read(const Buffer& from, std::size_t offset, void* to, std::size_t bytes) {
  check_range(from, offset, bytes, "read");
  if (bytes == 0) return;
  const Call call;
  check(api().clEnqueueReadBuffer(queue_, from.memory_, CL_TRUE, offset, bytes, to, 0, nullptr,
                                  nullptr),
        "clEnqueueReadBuffer");
  uploads_.let_go();
}

void Device::copy(const Buffer& from, std::size_t from_offset, Buffer& to, std::size_t to_offset,
                  std::size_t bytes) {
  check_range(from, from_offset, bytes, "copy");
  check_range(to, to_offset, bytes, "copy");
  if (bytes == 0) return;
  const Call call;
  check(api().clEnqueueCopyBuffer(queue_, from.memory_, to.memory_, from_offset, to_offset, bytes,
                                  0, nullptr, nullptr),
        "clEnqueueCopyBuffer");
}

void Device::fill(Buffer& to, std::size_t offset, std::size_t bytes,
                  std::span<const std::byte> pattern) {
  check_range(to, offset, bytes, "fill");
  const std::size_t unit = pattern.size();
  if (!std::has_single_bit(unit) || unit > 128 || offset % unit != 0 || bytes % unit != 0) {
    throw InternalError(fmt::format("opencl: fill of {} bytes at {} with {}", bytes, offset, unit));
  }
  if (bytes == 0) return;
  const Call call;
  check(api().clEnqueueFillBuffer(queue_, to.memory_, pattern.data(), unit, offset, bytes, 0,
                                  nullptr, nullptr),
        "clEnqueueFillBuffer");
}

void Device::flush() {
  const Call call;
  check(api().clFlush(queue_), "clFlush");
}

void Device::finish() {
  const Call call;
  check(api().clFinish(queue_), "clFinish");
  uploads_.let_go();
}

}  // namespace lilith::runtime::opencl
