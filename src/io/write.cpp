#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "io/file.h"
#include "lilith/error.h"

namespace lilith::io {
namespace {

namespace fs = std::filesystem;

/// A call of the system's that failed, by its errno.
struct Failure {
  int error;
};
void check(bool ok) {
  if (!ok) throw Failure{errno};
}

/// While one lives, a file that grows beyond the process's limit makes the write fail (EFBIG)
/// instead of ending the process.
class NoSizeSignal {
 public:
  NoSizeSignal() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGXFSZ);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGXFSZ) == 1;
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~NoSizeSignal() {
    const timespec now = {};
    if (!was_pending_) sigtimedwait(&set_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSizeSignal(const NoSizeSignal&) = delete;

 private:
  sigset_t set_, before_;
  bool was_pending_;
};

// What a path means: the target of a symbolic link, which need not be there yet.
fs::path target_of(fs::path path) {
  std::error_code error;
  for (int i = 0; i < 40 && fs::is_symlink(path, error); ++i) {
    const fs::path to = fs::read_symlink(path, error);
    path = to.is_absolute() ? to : path.parent_path() / to;
  }
  return path;
}

class Output {
 public:
  explicit Output(const std::string& path) : target_(target_of(path)) {
    struct stat info = {};
    const bool exists = stat(target_.c_str(), &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) throw Failure{EISDIR};
    if (exists && !S_ISREG(info.st_mode)) {
      in_place_ = true;
      open(target_.c_str(), O_WRONLY);
    } else {
      open_temporary();
      if (exists) fchmod(fd_, info.st_mode & 07777);
    }
    file_ = fdopen(fd_, "wb");
    check(file_ != nullptr);
  }
  ~Output() {
    if (file_)
      std::fclose(file_);
    else if (fd_ >= 0)
      close(fd_);
    if (named_) std::remove(temporary_.c_str());
  }
  Output(const Output&) = delete;

  std::FILE* file() const { return file_; }
  void commit() {
    check(std::fflush(file_) == 0);
    if (!in_place_) {
      check(fsync(fd_) == 0);
      if (!named_) {
        const std::string self = fmt::format("/proc/self/fd/{}", fd_);
        check(linkat(AT_FDCWD, self.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW) == 0);
        named_ = true;
      }
    }
    std::FILE* file = file_;
    file_ = nullptr;
    fd_ = -1;
    check(std::fclose(file) == 0);
    if (in_place_) return;
    check(std::rename(temporary_.c_str(), target_.c_str()) == 0);
    named_ = false;
  }

 private:
  void open(const char* path, int flags) {
    fd_ = ::open(path, flags | O_CLOEXEC, 0666);
    check(fd_ >= 0);
  }
  // Without a name, where the file system can do that: a process that is killed leaves nothing.
  void open_temporary() {
    static std::atomic<unsigned> counter{0};
    temporary_ = fmt::format("{}.{}.{}.tmp", target_.string(), getpid(), counter.fetch_add(1));
    const std::string folder = target_.has_parent_path() ? target_.parent_path().string() : ".";
    if (access("/proc/self/fd", X_OK) == 0)
      fd_ = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (fd_ >= 0) return;
    open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
    named_ = true;
  }

  fs::path target_;
  std::string temporary_;
  bool in_place_ = false, named_ = false;
  int fd_ = -1;
  std::FILE* file_ = nullptr;
};

}  // namespace

void write_atomically(const std::string& path, const char* op,
                      const std::function<void(std::FILE*)>& write) {
  const NoSizeSignal no_signal;
  try {
    Output output(path);
    write(output.file());
    output.commit();
  } catch (const Failure& f) {
    fail("{}: cannot write {}: {}.", op, path, std::strerror(f.error));
  }
}

void write_bytes(std::FILE* file, const void* data, std::uint64_t bytes) {
  if (bytes > 0) check(std::fwrite(data, 1, bytes, file) == bytes);
}

}  // namespace lilith::io
