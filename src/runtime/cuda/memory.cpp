#include "runtime/cuda/memory.h"

#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#include "lilith/error.h"
#include "runtime/block_pool.h"
#include "runtime/cuda/uploads.h"
#include "runtime/held_blocks.h"

namespace lilith::runtime::cuda {
namespace {

struct Blocks {
  BlockPool<Buffer> pool;
  HeldBlocks held;
};

class BufferStorage final : public Storage {
 public:
  BufferStorage(DeviceMemory& memory, Blocks& blocks, std::unique_ptr<Buffer> block,
                std::size_t bytes)
      : Storage(memory, device_of(*block), bytes), buffer(std::move(block)), blocks_(blocks) {
    blocks_.held.add(bytes);
  }
  ~BufferStorage() override {
    blocks_.held.remove(bytes_);
    blocks_.pool.give(std::move(buffer), bytes_);
  }

  std::unique_ptr<Buffer> buffer;  // another one when all of it is written anew

 private:
  static lilith::Device device_of(const Buffer& b) {
    return {lilith::Device::Kind::Cuda, static_cast<std::uint8_t>(b.device().index())};
  }
  Blocks& blocks_;
};

const BufferStorage& own(const Storage& storage) {
  const auto* own = dynamic_cast<const BufferStorage*>(&storage);
  if (!own) throw InternalError("cuda: memory of " + storage.device().str());
  return *own;
}
BufferStorage& own(Storage& storage) {
  return const_cast<BufferStorage&>(own(std::as_const(storage)));
}
Buffer& block(const Storage& storage) { return *own(storage).buffer; }

class Memory final : public DeviceMemory {
 public:
  explicit Memory(Device& device) : device_(device) {
    device.set_keeper([this] { release_cached(); }, [this] { return blocks_.held.text(); });
  }

  StoragePtr allocate(std::size_t bytes) override {
    auto buffer = blocks_.pool.take(bytes, [&](std::size_t n) { return make_block(n); });
    return std::make_shared<BufferStorage>(*this, blocks_, std::move(buffer), bytes);
  }
  void write(Storage& to, std::size_t offset, const void* from, std::size_t bytes) override {
    const bool all = offset == 0 && bytes == to.bytes();
    if (!all || !uploads_.fill(own(to).buffer, from, bytes))
      device_.write(block(to), offset, from, bytes);
  }
  void read(const Storage& from, std::size_t offset, void* to, std::size_t bytes) override {
    device_.read(block(from), offset, to, bytes);
  }
  void copy(const Storage& from, Storage& to, std::size_t bytes) override {
    device_.copy(block(from), 0, block(to), 0, bytes);
  }
  MemoryStats stats() override {
    MemoryStats s = blocks_.pool.stats();
    s.cached_bytes += static_cast<std::int64_t>(uploads_.spare_bytes());
    return s;
  }
  void reset_peak() override { blocks_.pool.reset_peak(); }
  void release_cached() override {
    uploads_.release();
    blocks_.pool.release_cached();
  }
  std::int64_t limit_bytes() override { return static_cast<std::int64_t>(device_.limit_bytes()); }

 private:
  std::unique_ptr<Buffer> make_block(std::size_t bytes) {
    try {
      return device_.allocate(bytes);
    } catch (const DeviceError&) {
      if (uploads_.release() == 0) throw;
    }
    return device_.allocate(bytes);
  }

  Device& device_;
  Blocks blocks_;
  Uploads uploads_{device_};
};

}  // namespace

// Found without a lock, as every allocation asks. Never destroyed: tensors of static storage
// duration free into it.
DeviceMemory& memory(int i) {
  static auto* all = new std::array<std::atomic<Memory*>, 256>;
  static auto* mutex = new std::mutex;
  Device& opened = device(i);
  std::atomic<Memory*>& slot = all->at(static_cast<std::size_t>(i));
  if (Memory* m = slot.load(std::memory_order_acquire)) return *m;
  const Busy busy;
  const std::lock_guard lock(*mutex);
  if (Memory* m = slot) return *m;
  slot = new Memory(opened);
  return *slot;
}

const Buffer& buffer_of(const Storage& storage) { return block(storage); }

}  // namespace lilith::runtime::cuda
