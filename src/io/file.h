#pragma once
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lilith::io {

/// A file opened for reading; every failure is an Error that names it.
class InputFile {
 public:
  InputFile(const std::string& path, const char* op);
  ~InputFile();
  InputFile(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }
  /// Reads exactly `bytes` bytes at `offset`.
  void read(std::uint64_t offset, void* to, std::uint64_t bytes);

 private:
  std::string path_;
  const char* op_;
  std::FILE* file_ = nullptr;
  std::uint64_t bytes_ = 0;
};

/// A file's bytes in memory, for readers that take tensors out of it. A file of kMapFrom bytes and
/// more is mapped: nothing is read until it is looked at, and tensors share the mapping
/// (`tensor_at` in io/elements.h). A smaller one is read whole, so that whatever happens to it
/// afterwards does not matter.
///
/// A mapping follows its file. Writers that make a new file and rename it (as Lilith's do) do not
/// disturb it; one that overwrites the file in place shows through in tensors that share it, and
/// one that shortens it ends the process (SIGBUS) when such a tensor is read.
class MappedFile {
 public:
  static constexpr std::uint64_t kMapFrom = std::uint64_t{16} << 20;
  /// Errors: a file that cannot be opened or read, that is not a regular one. `op` starts the
  /// message.
  static std::shared_ptr<const MappedFile> open(const std::string& path, const char* op = "load",
                                                std::uint64_t map_from = kMapFrom);
  /// Bytes that were taken out of the file `path` (a member that was inflated), as a file of their
  /// own.
  static std::shared_ptr<const MappedFile> hold(const std::string& path,
                                                std::vector<std::uint8_t> bytes,
                                                const char* op = "load");
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }
  /// Whether its memory is a mapping, worth sharing; otherwise it goes with this object.
  bool mapped() const { return mapped_; }
  std::span<const std::uint8_t> all() const { return {data_, bytes_}; }
  /// `bytes` bytes at `offset`. Error when they do not lie in the file; `what` says what they are.
  std::span<const std::uint8_t> range(std::uint64_t offset, std::uint64_t bytes,
                                      const std::string& what) const;
  /// Says that these bytes of a mapping were copied, so that they need not stay in memory too.
  void done_with(std::span<const std::uint8_t> bytes) const;

 private:
  MappedFile(const std::string& path, const char* op) : path_(path), op_(op) {}

  std::string path_;
  const char* op_;
  const std::uint8_t* data_ = nullptr;
  std::uint64_t bytes_ = 0;
  bool mapped_ = false;
  std::vector<std::uint8_t> owned_;
};
using MappedFilePtr = std::shared_ptr<const MappedFile>;

/// Writes a file as a whole or not at all: `write` fills one without a name in the same folder,
/// which then takes the place of `path`, with its permissions. Through a symbolic link the file
/// that it points to is replaced; a device or pipe is written to as it is. Error, naming the file,
/// when the disk is full or the like; nothing is left behind then, nor when the process is killed.
void write_atomically(const std::string& path, const char* op,
                      const std::function<void(std::FILE*)>& write);
/// fwrite for `write` above, which turns its failure into an Error.
void write_bytes(std::FILE* file, const void* data, std::uint64_t bytes);

}  // namespace lilith::io
