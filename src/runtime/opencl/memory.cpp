#include "runtime/opencl/memory.h"

#include <map>
#include <mutex>

#include "lilith/error.h"
#include "runtime/block_pool.h"

namespace lilith::runtime::opencl {
namespace {

using Pool = BlockPool<Buffer>;

class BufferStorage final : public Storage {
 public:
  BufferStorage(Pool& pool, std::unique_ptr<Buffer> buffer, std::size_t bytes)
      : pool_(pool), buffer_(std::move(buffer)) {
    bytes_ = bytes;
    device_ = {lilith::Device::Kind::OpenCl, static_cast<std::uint8_t>(buffer_->device().index())};
  }
  ~BufferStorage() override { pool_.give(std::move(buffer_), bytes_); }
  Buffer& buffer() const { return *buffer_; }

 private:
  Pool& pool_;
  std::unique_ptr<Buffer> buffer_;
};

Buffer& block(const Storage& storage) {
  const auto* own = dynamic_cast<const BufferStorage*>(&storage);
  if (!own) throw InternalError("opencl: memory of " + storage.device().str());
  return own->buffer();
}

class Memory final : public DeviceMemory {
 public:
  explicit Memory(Device& device) : device_(device) {}

  StoragePtr allocate(std::size_t bytes) override {
    auto buffer = pool_.take(bytes, [&](std::size_t n) { return device_.allocate(n); });
    return std::make_shared<BufferStorage>(pool_, std::move(buffer), bytes);
  }
  void write(Storage& to, std::size_t offset, const void* from, std::size_t bytes) override {
    device_.write(block(to), offset, from, bytes);
  }
  void read(const Storage& from, std::size_t offset, void* to, std::size_t bytes) override {
    device_.read(block(from), offset, to, bytes);
  }
  void copy(const Storage& from, Storage& to, std::size_t bytes) override {
    device_.copy(block(from), 0, block(to), 0, bytes);
  }
  MemoryStats stats() override { return pool_.stats(); }
  void reset_peak() override { pool_.reset_peak(); }
  void release_cached() override { pool_.release_cached(); }
  std::int64_t limit_bytes() override {
    return static_cast<std::int64_t>(device_.info().global_bytes);
  }

 private:
  Device& device_;
  Pool pool_;
};

}  // namespace

// Never destroyed: tensors of static storage duration free into it.
DeviceMemory& memory(int i) {
  static auto* all = new std::map<int, std::unique_ptr<Memory>>;
  static auto* mutex = new std::mutex;
  Device& opened = device(i);
  const Busy busy;
  const std::lock_guard lock(*mutex);
  std::unique_ptr<Memory>& memory = (*all)[i];
  if (!memory) memory = std::make_unique<Memory>(opened);
  return *memory;
}

const Buffer& buffer_of(const Storage& storage) { return block(storage); }

}  // namespace lilith::runtime::opencl
