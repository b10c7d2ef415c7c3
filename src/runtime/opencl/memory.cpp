#include "runtime/opencl/memory.h"

#include <array>
#include <atomic>
#include <mutex>

#include "lilith/error.h"
#include "runtime/block_pool.h"
#include "runtime/held_blocks.h"
#include "runtime/opencl/session.h"

namespace lilith::runtime::opencl {
namespace {

struct Blocks {
  BlockPool<Buffer> pool;
  HeldBlocks held;
};

class BufferStorage final : public Storage {
 public:
  BufferStorage(DeviceMemory& memory, Blocks& blocks, std::unique_ptr<Buffer> buffer,
                std::size_t bytes)
      : Storage(memory, device_of(*buffer), bytes), blocks_(blocks), buffer_(std::move(buffer)) {
    blocks_.held.add(bytes);
  }
  ~BufferStorage() override {
    blocks_.held.remove(bytes_);
    blocks_.pool.give(std::move(buffer_), bytes_);
  }
  Buffer& buffer() const { return *buffer_; }

 private:
  static lilith::Device device_of(const Buffer& b) {
    return {lilith::Device::Kind::OpenCl, static_cast<std::uint8_t>(b.device().index())};
  }
  Blocks& blocks_;
  std::unique_ptr<Buffer> buffer_;
};

Buffer& block(const Storage& storage) {
  const auto* own = dynamic_cast<const BufferStorage*>(&storage);
  if (!own) throw InternalError("opencl: memory of " + storage.device().str());
  return own->buffer();
}

class Memory final : public DeviceMemory {
 public:
  explicit Memory(Device& device) : device_(device) {
    device.set_holders([this] { return blocks_.held.text(); });
  }

  StoragePtr allocate(std::size_t bytes) override {
    auto buffer = blocks_.pool.take(bytes, [&](std::size_t n) { return device_.allocate(n); });
    return std::make_shared<BufferStorage>(*this, blocks_, std::move(buffer), bytes);
  }
  void write(Storage& to, std::size_t offset, const void* from, std::size_t bytes) override {
    device_.write(block(to), offset, from, bytes);
  }
  void upload(Storage& to, const StoragePtr& from, std::size_t bytes) override {
    device_.upload(block(to), 0, {from, from->data()}, bytes);
  }
  void read(const Storage& from, std::size_t offset, void* to, std::size_t bytes) override {
    device_.read(block(from), offset, to, bytes);
  }
  void copy(const Storage& from, Storage& to, std::size_t bytes) override {
    device_.copy(block(from), 0, block(to), 0, bytes);
  }
  MemoryStats stats() override { return blocks_.pool.stats(); }
  void reset_peak() override { blocks_.pool.reset_peak(); }
  void release_cached() override { blocks_.pool.release_cached(); }
  std::int64_t limit_bytes() override {
    return static_cast<std::int64_t>(device_.info().global_bytes);
  }

 private:
  Device& device_;
  Blocks blocks_;
};

}  // namespace

// Found without a lock, as every allocation asks. Never destroyed: tensors of static storage
// duration free into it.
DeviceMemory& memory(int i) {
  static auto* all = new std::array<std::atomic<Memory*>, kMaxDevices>;
  static auto* mutex = new std::mutex;
  Device& opened = device(i);
  std::atomic<Memory*>& slot = (*all)[static_cast<std::size_t>(i)];
  if (Memory* m = slot.load(std::memory_order_acquire)) return *m;
  const Busy busy;
  const std::lock_guard lock(*mutex);
  if (Memory* m = slot) return *m;
  slot = new Memory(opened);
  return *slot;
}

const Buffer& buffer_of(const Storage& storage) { return block(storage); }

}  // namespace lilith::runtime::opencl
