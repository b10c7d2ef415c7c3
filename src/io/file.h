#pragma once
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

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

/// Writes a file as a whole or not at all: `write` fills a temporary file in the same folder, which
/// then takes the place of `path`.
void write_atomically(const std::string& path, const char* op,
                      const std::function<void(std::FILE*)>& write);
/// fwrite that throws Error when the bytes do not all go out.
void write_bytes(std::FILE* file, const void* data, std::uint64_t bytes);

}  // namespace lilith::io
