#include "io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

namespace {

/// A descriptor, closed at the end of its scope.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

MappedFilePtr MappedFile::open(const std::string& path, const char* op, std::uint64_t map_from) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  LILITH_CHECK(file.fd >= 0, "{}: cannot open {}: {}.", op, path, std::strerror(errno));
  struct stat info{};
  LILITH_CHECK(fstat(file.fd, &info) == 0 && S_ISREG(info.st_mode), "{}: {} is not a regular file.",
               op, path);
  const std::shared_ptr<MappedFile> out(new MappedFile(path, op));
  out->bytes_ = static_cast<std::uint64_t>(info.st_size);
  if (out->bytes_ == 0) return out;
  if (out->bytes_ >= map_from) {
    void* p = mmap(nullptr, out->bytes_, PROT_READ, MAP_PRIVATE, file.fd, 0);
    out->mapped_ = p != MAP_FAILED;
    if (out->mapped_) {
      out->data_ = static_cast<const std::uint8_t*>(p);
      return out;
    }
  }
  out->owned_.resize(out->bytes_);
  out->data_ = out->owned_.data();
  for (std::uint64_t at = 0; at < out->bytes_;) {
    const ssize_t n = ::read(file.fd, out->owned_.data() + at, out->bytes_ - at);
    if (n < 0 && errno == EINTR) continue;
    LILITH_CHECK(n >= 0, "{}: cannot read {}: {}.", op, path, std::strerror(errno));
    LILITH_CHECK(n > 0, "{}: {} became shorter while it was read.", op, path);
    at += static_cast<std::uint64_t>(n);
  }
  return out;
}

MappedFilePtr MappedFile::hold(const std::string& path, std::vector<std::uint8_t> bytes,
                               const char* op) {
  const std::shared_ptr<MappedFile> out(new MappedFile(path, op));
  out->owned_ = std::move(bytes);
  out->data_ = out->owned_.data();
  out->bytes_ = out->owned_.size();
  return out;
}

MappedFile::~MappedFile() {
  if (mapped_) munmap(const_cast<std::uint8_t*>(data_), bytes_);
}

std::span<const std::uint8_t> MappedFile::range(std::uint64_t offset, std::uint64_t bytes,
                                                const std::string& what) const {
  LILITH_CHECK(offset <= bytes_ && bytes <= bytes_ - offset,
               "{}: {} is truncated or damaged: {} needs {} bytes at {}, the file has {}.", op_,
               path_, what, bytes, offset, bytes_);
  return {data_ + offset, bytes};
}

void MappedFile::done_with(std::span<const std::uint8_t> bytes) const {
  if (!mapped_) return;
  // Whole pages alone; one that is looked at again comes from the file again.
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(bytes.data()) + bytes.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace lilith::io
