#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "runtime/opencl/uploads.h"

struct _cl_context;
struct _cl_command_queue;
struct _cl_device_id;
struct _cl_kernel;
struct _cl_mem;
struct _cl_program;

// Devices that OpenCL finds, their memory, programs and one queue each. Every function may be
// called from any thread. Each failure is a DeviceError that names the call, the error and the
// device. A process that was forked from one that has used OpenCL has no devices: the threads of
// their drivers are not there. At the end of a process, when its drivers are gone, memory and
// programs are let go of silently; every other call is an Error.
namespace lilith::runtime::opencl {

/// A device as it describes itself.
struct DeviceInfo {
  std::string name, vendor, platform, version;
  bool gpu = false;
  std::string driver;           // its version
  bool keeps_programs = false;  // the platform has a cache of compiled programs of its own
  bool fp64 = false;
  bool exact_division = false;  // of f32: / and sqrt round correctly where a program asks for it
  bool denormals = false;       // of f32
  std::size_t local_bytes = 0;  // of a work group
  std::size_t max_group = 0;    // work items of a group
  std::size_t max_param_bytes = 0;
  std::size_t global_bytes = 0, max_allocation = 0;
  int compute_units = 0;
};

/// All devices of all platforms, in the order of the loader. Without a loader or a driver there are
/// none.
const std::vector<DeviceInfo>& devices();
/// Why there is no device; empty where there is one.
const std::string& why_none();

class Device;
/// Device `i` of the list, its context and queue made at the first call.
Device& device(int i);

/// A block of a device's memory. Let go of when what was enqueued before has run.
class Buffer {
 public:
  Buffer(const Buffer&) = delete;
  ~Buffer();
  std::size_t bytes() const { return bytes_; }
  Device& device() const { return device_; }

 private:
  friend class Device;
  Buffer(Device& device, _cl_mem* memory, std::size_t bytes)
      : device_(device), memory_(memory), bytes_(bytes) {}
  Device& device_;
  _cl_mem* memory_;
  std::size_t bytes_;
};

/// A place in a device's memory. As an argument it takes two parameters: `global char* base, long
/// offset`.
struct Place {
  const Buffer* buffer = nullptr;
  std::int64_t offset = 0;
};
using Arg = std::variant<Place, std::int32_t, std::int64_t, float, double>;

/// A built program, on one device.
class Program {
 public:
  Program(const Program&) = delete;
  ~Program();
  Device& device() const { return device_; }

 private:
  friend class Device;
  friend class Kernel;
  Program(Device& device, _cl_program* program) : device_(device), program_(program) {}
  Device& device_;
  _cl_program* program_;
};

/// A function of a program that can be launched.
class Kernel {
 public:
  Kernel(std::shared_ptr<const Program> program, const std::string& name);
  Kernel(const Kernel&) = delete;
  ~Kernel();
  const std::string& name() const { return name_; }
  /// Work items that a group of it may have: what the registers it needs leave room for.
  std::size_t max_group() const { return max_group_; }

 private:
  friend class Device;
  std::shared_ptr<const Program> program_;
  std::string name_;
  _cl_kernel* kernel_ = nullptr;
  std::size_t max_group_ = 1;
  std::mutex mutex_;  // arguments are the kernel's: set and launched together
};

/// A device with a context and one queue: what is enqueued runs in that order. `read` and `finish`
/// wait for what was enqueued before; the rest returns at once, but a `write` of much waits.
class Device {
 public:
  Device(const Device&) = delete;
  int index() const { return index_; }
  const DeviceInfo& info() const { return info_; }
  /// "opencl:0 (GeForce …)"
  const std::string& name() const { return name_; }

  /// What an error says of who holds its blocks. Before any other thread uses the device.
  void set_holders(std::function<std::string()> holders) { holders_ = std::move(holders); }
  std::unique_ptr<Buffer> allocate(std::size_t bytes);
  std::size_t held_bytes() const { return held_bytes_; }
  /// `from` may be changed afterwards.
  void write(Buffer& to, std::size_t offset, const void* from, std::size_t bytes);
  /// From `memory`, which is held, and must stay as it is, until the device has read it.
  void upload(Buffer& to, std::size_t offset, std::shared_ptr<const void> memory,
              std::size_t bytes);
  void read(const Buffer& from, std::size_t offset, void* to, std::size_t bytes);
  void copy(const Buffer& from, std::size_t from_offset, Buffer& to, std::size_t to_offset,
            std::size_t bytes);
  /// Repeats a pattern of 1, 2, 4, 8 … 128 bytes; offset and bytes are multiples of its size.
  void fill(Buffer& to, std::size_t offset, std::size_t bytes, std::span<const std::byte> pattern);

  /// Compiles OpenCL C, or finds what it compiled before: on disk, unless the platform sees to
  /// that. The error has the compiler's log.
  std::shared_ptr<const Program> build(const std::string& source, const std::string& options);
  /// The same by way of the cache on disk, whatever the platform does.
  std::shared_ptr<const Program> build_kept(const std::string& source, const std::string& options);
  /// Runs `groups` groups of `group` work items, in one dimension.
  void launch(Kernel& kernel, std::size_t groups, std::size_t group, std::span<const Arg> args);
  /// What is enqueued begins now, where the driver would wait for more.
  void flush();
  void finish();

 private:
  friend class Buffer;
  friend class Kernel;
  friend class Uploads;
  friend Device& device(int i);
  friend struct Session;
  Device(int index, const DeviceInfo& info, _cl_device_id* id);
  /// Throws where the call failed; where that may be for want of memory, says what is held.
  void check(int code, const char* call) const;
  std::string held_text() const;
  [[noreturn]] void fail_allocation(int code, std::size_t bytes) const;
  void check_range(const Buffer& b, std::size_t offset, std::size_t bytes, const char* what) const;
  void set_args(const Kernel& kernel, std::span<const Arg> args);
  std::shared_ptr<const Program> compile(const std::string& source, const std::string& options);
  /// Null where the driver does not take it.
  std::shared_ptr<const Program> from_binary(const std::string& binary, const std::string& options);
  /// Empty where the driver gives none.
  std::string binary_of(const Program& program) const;

  const int index_;
  const DeviceInfo& info_;
  const std::string name_;
  _cl_device_id* id_;
  _cl_context* context_ = nullptr;
  _cl_command_queue* queue_ = nullptr;
  std::atomic<std::size_t> held_bytes_{0};
  std::function<std::string()> holders_;
  std::atomic<unsigned> launches_{0};
  Uploads uploads_{*this};
};

}  // namespace lilith::runtime::opencl
