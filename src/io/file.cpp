#include "io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "lilith/error.h"

namespace lilith::io {

InputFile::InputFile(const std::string& path, const char* op) : path_(path), op_(op) {
  file_ = std::fopen(path.c_str(), "rb");
  LILITH_CHECK(file_ != nullptr, "{}: cannot open {}: {}.", op, path, std::strerror(errno));
  struct stat info{};
  const bool known = fstat(fileno(file_), &info) == 0 && S_ISREG(info.st_mode);
  if (!known) {
    std::fclose(file_);
    fail("{}: {} is not a regular file.", op, path);
  }
  bytes_ = static_cast<std::uint64_t>(info.st_size);
}

InputFile::~InputFile() { std::fclose(file_); }

void InputFile::read(std::uint64_t offset, void* to, std::uint64_t bytes) {
  if (bytes == 0) return;
  const bool ok = fseeko(file_, static_cast<off_t>(offset), SEEK_SET) == 0 &&
                  std::fread(to, 1, bytes, file_) == bytes;
  LILITH_CHECK(ok, "{}: {}: cannot read {} bytes at {}.", op_, path_, bytes, offset);
}

void write_atomically(const std::string& path, const char* op,
                      const std::function<void(std::FILE*)>& write) {
  static std::atomic<unsigned> counter{0};
  const std::string temporary = fmt::format("{}.{}.{}.tmp", path, getpid(), counter.fetch_add(1));
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  LILITH_CHECK(file != nullptr, "{}: cannot write {}: {}.", op, path, std::strerror(errno));
  try {
    write(file);
  } catch (...) {
    std::fclose(file);
    std::remove(temporary.c_str());
    throw;
  }
  bool ok = std::fflush(file) == 0 && fsync(fileno(file)) == 0;
  ok = std::fclose(file) == 0 && ok;
  ok = ok && std::rename(temporary.c_str(), path.c_str()) == 0;
  if (ok) return;
  const std::string reason = std::strerror(errno);
  std::remove(temporary.c_str());
  fail("{}: cannot write {}: {}.", op, path, reason);
}

void write_bytes(std::FILE* file, const void* data, std::uint64_t bytes) {
  if (bytes == 0) return;
  LILITH_CHECK(std::fwrite(data, 1, bytes, file) == bytes, "save: cannot write {} bytes: {}.",
               bytes, std::strerror(errno));
}

}  // namespace lilith::io
