#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "lilith/error.h"

namespace lilith::fuzzing {

/// Bytes as a file that lies in memory alone.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t bytes) : fd_(memfd_create("fuzz", 0)) {
    for (std::size_t at = 0; at < bytes;) {
      const ssize_t n = write(fd_, data + at, bytes - at);
      if (n <= 0) std::abort();
      at += static_cast<std::size_t>(n);
    }
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

/// Bad input is an Error of the user's; one of Lilith's own is a find.
template <class F>
int expect_value_or_error(F&& f) {
  try {
    f();
  } catch (const InternalError& e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::abort();
  } catch (const Error&) {
  }
  return 0;
}

}  // namespace lilith::fuzzing
