#include "runtime/cuda/device.h"

#include <algorithm>
#include <cstring>

#include "lilith/error.h"
#include "runtime/cuda/session.h"
#include "runtime/held_blocks.h"

namespace lilith::runtime::cuda {
namespace {

constexpr unsigned kNonBlocking = 1;  // CU_STREAM_NON_BLOCKING: apart from the legacy stream

}  // namespace

Device::Device(int index, const DeviceInfo& info)
    : index_(index), info_(info), name_(fmt::format("cuda:{} ({})", index, info.name)) {
  check(api().cuDevicePrimaryCtxRetain(&context_, info.number), "cuDevicePrimaryCtxRetain");
  const Current current(*this);
  check(api().cuStreamCreate(&stream_, kNonBlocking), "cuStreamCreate");
  check(api().cuStreamCreate(&beside_, kNonBlocking), "cuStreamCreate");
  std::size_t total = 0;
  check(api().cuMemGetInfo(&limit_bytes_, &total), "cuMemGetInfo");
}

void Device::check(Status code, const char* call) const {
  if (code == 0) return;
  if (code == kOutOfMemory) fail_memory(call, 0);
  // What a kernel did wrong is found by a later call, and the context is of no use any more.
  const bool lost = code == 700 || code == 702 || (code >= 714 && code <= 719);
  throw DeviceError(
      fmt::format("cuda: {} failed on {}: {}{}", call, name_, error_text(api(), code),
                  lost ? "; the device's context is lost: start the program anew" : ""),
      LocScope::current());
}

void Device::fail_memory(const char* call, std::size_t bytes) const {
  std::size_t free = 0, total = info_.global_bytes;
  if (const CurrentForRelease current(context_); current) api().cuMemGetInfo(&free, &total);
  const std::size_t others = total - std::min(total, free + held_bytes_);
  throw DeviceError(
      fmt::format("cuda: out of memory on {}:{} {} held{}, {} by other programs, code and the "
                  "driver, {} free of {} ({})",
                  name_, bytes > 0 ? " " + bytes_text(bytes) + " asked for;" : "",
                  bytes_text(held_bytes_), holders_ ? " (" + holders_() + ")" : "",
                  bytes_text(others), bytes_text(free), bytes_text(total), call),
      LocScope::current());
}

void Device::check_range(const Buffer& b, std::size_t offset, std::size_t bytes,
                         const char* what) const {
  if (&b.device_ != this) {
    throw InternalError(
        fmt::format("cuda: {} on {} of memory of {}", what, name_, b.device_.name()));
  }
  if (offset > b.bytes_ || bytes > b.bytes_ - offset) {
    throw InternalError(
        fmt::format("cuda: {} of {} bytes at {} in a block of {}", what, bytes, offset, b.bytes_));
  }
}

std::unique_ptr<Buffer> Device::allocate(std::size_t bytes) {
  const Current current(*this);
  Address address = 0;
  const Status code = api().cuMemAlloc(&address, std::max<std::size_t>(bytes, 1));
  if (code == kOutOfMemory) fail_memory("cuMemAlloc", bytes);
  check(code, "cuMemAlloc");
  held_bytes_ += bytes;
  return std::unique_ptr<Buffer>(new Buffer(*this, address, bytes));
}

Buffer::~Buffer() {
  if (const CurrentForRelease current(device_.context_); current) {
    // What was enqueued before may use it; the second stream's copies are waited for there.
    api().cuStreamSynchronize(device_.stream_);
    api().cuMemFree(address_);
  }
  device_.held_bytes_ -= bytes_;
}

/// The next piece that no copy reads any more. Under the staging's lock.
Staging::Piece& Device::next_piece() {
  Staging::Piece& piece = staging_.pieces[staging_.next];
  staging_.next = (staging_.next + 1) % Staging::kPieces;
  if (piece.copied == nullptr) {
    constexpr unsigned kNoTiming = 2;  // CU_EVENT_DISABLE_TIMING
    check(api().cuEventCreate(&piece.copied, kNoTiming), "cuEventCreate");
  }
  if (piece.memory == nullptr)
    check(api().cuMemHostAlloc(&piece.memory, Staging::kPieceBytes, 0), "cuMemHostAlloc");
  if (piece.used) check(api().cuEventSynchronize(piece.copied), "cuEventSynchronize");
  piece.used = false;
  return piece;
}

/// Enqueues copies to the device, by way of the pieces, under the staging's lock. The event of the
/// last one.
EventData* Device::copy_in(StreamData* stream, Address to, const void* from, std::size_t bytes) {
  EventData* last = nullptr;
  for (std::size_t at = 0; at < bytes; at += Staging::kPieceBytes) {
    const std::size_t n = std::min(Staging::kPieceBytes, bytes - at);
    Staging::Piece& piece = next_piece();
    std::memcpy(piece.memory, static_cast<const char*>(from) + at, n);
    check(api().cuMemcpyHtoDAsync(to + at, piece.memory, n, stream), "cuMemcpyHtoDAsync");
    check(api().cuEventRecord(piece.copied, stream), "cuEventRecord");
    piece.used = true;
    last = piece.copied;
  }
  return last;
}

void Device::write(Buffer& to, std::size_t offset, const void* from, std::size_t bytes) {
  check_range(to, offset, bytes, "write");
  const Current current(*this);
  const std::lock_guard lock(staging_.mutex);
  copy_in(stream_, to.address_ + offset, from, bytes);
}

void Device::write_beside(Buffer& to, const void* from, std::size_t bytes, const Mark& free) {
  check_range(to, 0, bytes, "write");
  if (bytes == 0) return;
  const Current current(*this);
  const std::lock_guard lock(staging_.mutex);
  check(api().cuStreamWaitEvent(beside_, free.event_, 0), "cuStreamWaitEvent");
  EventData* copied = copy_in(beside_, to.address_, from, bytes);
  check(api().cuStreamWaitEvent(stream_, copied, 0), "cuStreamWaitEvent");
}

Mark::Mark(Device& device) : device_(device) {
  constexpr unsigned kNoTiming = 2;  // CU_EVENT_DISABLE_TIMING
  const Current current(device);
  device.check(api().cuEventCreate(&event_, kNoTiming), "cuEventCreate");
  set();
}
Mark::~Mark() {
  if (const CurrentForRelease current(device_.context_); current) api().cuEventDestroy(event_);
}
void Mark::set() {
  const Current current(device_);
  device_.check(api().cuEventRecord(event_, device_.stream_), "cuEventRecord");
}

void Device::read(const Buffer& from, std::size_t offset, void* to, std::size_t bytes) {
  check_range(from, offset, bytes, "read");
  if (bytes == 0) return;
  const Current current(*this);
  if (bytes > Staging::kPieceBytes) {
    check(api().cuMemcpyDtoHAsync(to, from.address_ + offset, bytes, stream_), "cuMemcpyDtoHAsync");
    check(api().cuStreamSynchronize(stream_), "cuStreamSynchronize");
    return;
  }
  const std::lock_guard lock(staging_.mutex);
  const Staging::Piece& piece = next_piece();
  check(api().cuMemcpyDtoHAsync(piece.memory, from.address_ + offset, bytes, stream_),
        "cuMemcpyDtoHAsync");
  check(api().cuStreamSynchronize(stream_), "cuStreamSynchronize");
  std::memcpy(to, piece.memory, bytes);
}

void Device::copy(const Buffer& from, std::size_t from_offset, Buffer& to, std::size_t to_offset,
                  std::size_t bytes) {
  check_range(from, from_offset, bytes, "copy");
  check_range(to, to_offset, bytes, "copy");
  if (bytes == 0) return;
  const Current current(*this);
  check(
      api().cuMemcpyDtoDAsync(to.address_ + to_offset, from.address_ + from_offset, bytes, stream_),
      "cuMemcpyDtoDAsync");
}

std::shared_ptr<const Module> Device::load(const std::string& image) {
  const Current current(*this);
  ModuleData* module = nullptr;
  Status code = 0;
  check_with_room(
      [&] {
        code = api().cuModuleLoadData(&module, image.c_str());
        return code == kOutOfMemory ? code : 0;
      },
      "cuModuleLoadData");
  if (code == kInvalidImage || code == kNoBinary || code == kUnsupportedPtx) {
    throw DeviceError(
        fmt::format("cuda: {} does not take the compiler's code: {}; the driver is of CUDA {}, it "
                    "may be older than the compiler",
                    name_, error_text(api(), code), version_text(driver_version())),
        LocScope::current());
  }
  check(code, "cuModuleLoadData");
  return std::shared_ptr<const Module>(new Module(*this, module));
}

Module::~Module() {
  const CurrentForRelease current(device_.context_);
  if (!current) return;
  api().cuStreamSynchronize(device_.stream_);  // its functions may still run
  api().cuModuleUnload(module_);
}

FunctionData* Module::function(const std::string& name) const {
  const Current current(device_);
  FunctionData* found = nullptr;
  device_.check(api().cuModuleGetFunction(&found, module_, name.c_str()), "cuModuleGetFunction");
  return found;
}

void Device::launch(const Launch& l) {
  const Current current(*this);
  std::vector<void*> params;
  for (const std::uint64_t& w : l.words) params.push_back(const_cast<std::uint64_t*>(&w));
  check_with_room(
      [&] {
        return api().cuLaunchKernel(l.function, l.blocks, 1, 1, l.threads, 1, 1, 0, stream_,
                                    params.data(), nullptr);
      },
      "cuLaunchKernel");
}

/// An event that knows when it happened. Its device's context is current.
class Device::Event {
 public:
  explicit Event(const Device& device) {
    device.check(api().cuEventCreate(&event, 0), "cuEventCreate");
  }
  Event(const Event&) = delete;
  ~Event() { api().cuEventDestroy(event); }
  EventData* event = nullptr;
};

std::vector<double> Device::time(std::size_t n, const std::function<void(std::size_t)>& enqueue) {
  const Current current(*this);
  const Event before(*this), after(*this);
  std::vector<double> ms;
  for (std::size_t k = 0; k < n; ++k) {
    check(api().cuEventRecord(before.event, stream_), "cuEventRecord");
    enqueue(k);
    check(api().cuEventRecord(after.event, stream_), "cuEventRecord");
    check(api().cuEventSynchronize(after.event), "cuEventSynchronize");
    float took = 0;
    check(api().cuEventElapsedTime(&took, before.event, after.event), "cuEventElapsedTime");
    ms.push_back(took);
  }
  return ms;
}

void Device::finish() {
  const Current current(*this);
  check(api().cuStreamSynchronize(stream_), "cuStreamSynchronize");
}

}  // namespace lilith::runtime::cuda
