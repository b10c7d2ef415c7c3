#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "runtime/cuda/api.h"

// Devices of CUDA's driver, their memory, modules and one stream each. Every function may be called
// from any thread. Each failure is a DeviceError that names the call, the error and the device. A
// process that was forked from one that has used CUDA has no devices; at the end of a process
// memory and modules are let go of silently, every other call is an Error.
namespace lilith::runtime::cuda {

/// A device as it describes itself.
struct DeviceInfo {
  std::string name;
  int number = 0;            // the driver's
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  int max_threads = 0;           // of a block
  std::size_t shared_bytes = 0;  // of a block, without asking for more
  std::size_t global_bytes = 0;
  int architecture() const { return 10 * major + minor; }
};

/// All devices that can be used, in the driver's order. Without a driver, or a compiler, there are
/// none.
const std::vector<DeviceInfo>& devices();
/// Why there is no device; empty where there is one.
const std::string& why_none();
/// Of CUDA, that the driver supports: 12040 is 12.4; 0 without a driver. Opens no device.
int driver_version();

class Device;
/// Device `i` of the list, its context and stream made at the first call.
Device& device(int i);

/// A block of a device's memory.
class Buffer {
 public:
  Buffer(const Buffer&) = delete;
  ~Buffer();
  Address address() const { return address_; }
  std::size_t bytes() const { return bytes_; }
  Device& device() const { return device_; }

 private:
  friend class Device;
  Buffer(Device& device, Address address, std::size_t bytes)
      : device_(device), address_(address), bytes_(bytes) {}
  Device& device_;
  Address address_;
  std::size_t bytes_;
};

/// Code, loaded on one device.
class Module {
 public:
  Module(const Module&) = delete;
  ~Module();
  /// A function of it. It lives as long as the module.
  FunctionData* function(const std::string& name) const;

 private:
  friend class Device;
  Module(Device& device, ModuleData* module) : device_(device), module_(module) {}
  Device& device_;
  ModuleData* module_;
};

/// A launch of a function in one dimension. `words`: what the function takes, 8 bytes each.
struct Launch {
  FunctionData* function = nullptr;
  unsigned blocks = 1, threads = 1;
  std::vector<std::uint64_t> words;
};

/// Two blocks of pinned memory a write or read passes through, in pieces, so that the device copies
/// one while the host fills the other, and the caller's memory may be changed at once.
class Staging {
 public:
  static constexpr std::size_t kPieceBytes = std::size_t{512} << 10;
  static constexpr std::size_t kPieces = 8;

  std::mutex mutex;  // of what follows
  struct Piece {
    void* memory = nullptr;
    EventData* copied = nullptr;  // recorded behind its last copy
    bool used = false;
  };
  Piece pieces[kPieces];
  std::size_t next = 0;
};

/// A moment in what a device runs: when all that was enqueued before has run.
class Mark {
 public:
  /// Now.
  explicit Mark(Device& device);
  Mark(const Mark&) = delete;
  ~Mark();
  void set();  // now

 private:
  friend class Device;
  Device& device_;
  EventData* event_ = nullptr;
};

/// A device with its primary context and one stream: what is enqueued runs in that order. `read`
/// and `finish` wait for what was enqueued before; the rest returns at once, `write` when `from`
/// may be changed. A second stream copies what the host writes beside that.
class Device {
 public:
  Device(const Device&) = delete;
  int index() const { return index_; }
  const DeviceInfo& info() const { return info_; }
  /// "cuda:0 (NVIDIA …)"
  const std::string& name() const { return name_; }

  /// Who keeps free blocks says so: what it does where the driver has no room, and what an error
  /// then says of who holds what. Before any other thread uses the device.
  void set_keeper(std::function<void()> trim, std::function<std::string()> holders) {
    trim_ = std::move(trim);
    holders_ = std::move(holders);
  }
  std::unique_ptr<Buffer> allocate(std::size_t bytes);
  std::size_t held_bytes() const { return held_bytes_; }
  /// Bytes that were free when the device was opened.
  std::size_t limit_bytes() const { return limit_bytes_; }
  void write(Buffer& to, std::size_t offset, const void* from, std::size_t bytes);
  /// The same for the first bytes of a block that nothing uses which was enqueued after `free`: it
  /// waits for no more than that. What is enqueued later waits for it.
  void write_beside(Buffer& to, const void* from, std::size_t bytes, const Mark& free);
  void read(const Buffer& from, std::size_t offset, void* to, std::size_t bytes);
  void copy(const Buffer& from, std::size_t from_offset, Buffer& to, std::size_t to_offset,
            std::size_t bytes);

  /// A cubin for this device's architecture, or PTX, which the driver compiles.
  std::shared_ptr<const Module> load(const std::string& image);
  void launch(const Launch& launch);
  /// Runs each call of `enqueue` (0 … n-1) by itself and gives the device's milliseconds of it.
  std::vector<double> time(std::size_t n, const std::function<void(std::size_t)>& enqueue);
  void finish();

 private:
  friend class Buffer;
  friend class Module;
  friend class Graph;
  friend class Mark;
  friend class Current;
  friend Device& device(int i);
  friend struct Session;
  class Event;
  Device(int index, const DeviceInfo& info);
  void check(Status code, const char* call) const;
  /// The same for a call that takes memory by itself: where there is no room it is tried again
  /// after the free blocks were given back.
  template <class F>
  void check_with_room(F&& f, const char* call) const {
    Status code = f();
    if (code == kOutOfMemory && trim_) {
      trim_();
      code = f();
    }
    check(code, call);
  }
  [[noreturn]] void fail_memory(const char* call, std::size_t bytes) const;
  void check_range(const Buffer& b, std::size_t offset, std::size_t bytes, const char* what) const;
  Staging::Piece& next_piece();
  EventData* copy_in(StreamData* stream, Address to, const void* from, std::size_t bytes);

  const int index_;
  const DeviceInfo& info_;
  const std::string name_;
  ContextData* context_ = nullptr;
  StreamData* stream_ = nullptr;
  StreamData* beside_ = nullptr;
  std::atomic<std::size_t> held_bytes_{0};
  std::size_t limit_bytes_ = 0;
  std::function<void()> trim_;
  std::function<std::string()> holders_;
  Staging staging_;
};

}  // namespace lilith::runtime::cuda
