#include "runtime/disk_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/env.h"
#include "lilith/error.h"

namespace lilith::runtime {
namespace {

constexpr std::array<char, 8> kMagic = {'l', 'i', 'l', 'c', 'a', 'c', 'h', 'e'};
constexpr std::uint32_t kFormat = 1;
constexpr std::string_view kPartPrefix = ".part-";
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;  // of an entry
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kUseResolution = 60 * kSecond;  // a use is noted once a minute
constexpr std::int64_t kPartLife = 3600 * kSecond;     // then its writer is gone

/// An entry's file: this, the kind, the key, the value.
struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t format = kFormat;
  std::uint32_t kind_bytes = 0;
  std::uint64_t key_bytes = 0, value_bytes = 0;
  std::array<std::uint64_t, 2> checksum = {};  // of all the others and what follows
};
static_assert(sizeof(Header) == 48);

class Checksum {
 public:
  explicit Checksum(Header header) {
    header.checksum = {};
    XXH3_128bits_reset(&state_);
    add({reinterpret_cast<const char*>(&header), sizeof header});
  }
  void add(std::string_view bytes) { XXH3_128bits_update(&state_, bytes.data(), bytes.size()); }
  std::array<std::uint64_t, 2> value() const {
    const XXH128_hash_t h = XXH3_128bits_digest(&state_);
    return {h.low64, h.high64};
  }

 private:
  XXH3_state_t state_;
};

/// A file descriptor, or what the system said instead.
class File {
 public:
  explicit File(int fd) : fd_(fd), error_(fd < 0 ? errno : 0) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), error_(other.error_) {}
  int fd() const { return fd_; }
  int error() const { return error_; }
  explicit operator bool() const { return fd_ >= 0; }

  bool read(void* to, std::size_t bytes) const {
    auto* at = static_cast<char*>(to);
    while (bytes > 0) {
      const ssize_t n = ::read(fd_, at, bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      at += n;
      bytes -= static_cast<std::size_t>(n);
    }
    return true;
  }
  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

 private:
  int fd_;
  int error_;
};

std::string system_says(int error) { return std::generic_category().message(error); }

// Only this user may have written what is there.
bool is_ours(const struct stat& s) {
  return s.st_uid == ::geteuid() && (s.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}
std::int64_t used_ns(const struct stat& s) {
  return s.st_mtim.tv_sec * kSecond + s.st_mtim.tv_nsec;
}

/// An open folder that only this user can write: what is done in it is done to this folder,
/// whatever becomes of its path. `why_not` says why there is none; empty when it does not exist.
struct Folder {
  File file;
  std::string why_not;
  explicit operator bool() const { return bool(file); }
};

Folder open_folder(const std::string& path) {
  File file(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file) {
    const int error = file.error();
    return {std::move(file), error == ENOENT ? "" : path + ": " + system_says(error)};
  }
  struct stat s{};
  if (::fstat(file.fd(), &s) != 0) return {File(-1), path + ": " + system_says(errno)};
  if (!is_ours(s)) return {File(-1), path + ": others own it or can write to it"};
  return {std::move(file), ""};
}

void make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    ::mkdir(path.substr(0, end).c_str(), 0700);
  ::mkdir(path.c_str(), 0700);
}

Folder make_folder(const std::string& path) {
  Folder folder = open_folder(path);
  if (folder || !folder.why_not.empty()) return folder;
  make_folders(path);
  const int error = errno;
  Folder made = open_folder(path);
  if (!made && made.why_not.empty()) made.why_not = path + ": " + system_says(error);
  return made;
}

/// Calls f(name) for each file of the folder.
template <class F>
void for_each_name(const Folder& folder, F f) {
  const int fd = ::openat(folder.file.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(fd), &::closedir);
  if (!list) {
    ::close(fd);
    return;
  }
  while (const dirent* at = ::readdir(list.get())) f(std::string(at->d_name));
}

/// The kind of the entry that a file's name says; "" for a file that is none.
std::string kind_of_name(std::string_view name) {
  const std::size_t dash = name.find('-');
  if (dash == 0 || dash == std::string_view::npos || name.size() - dash != 33) return {};
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!std::all_of(name.begin() + static_cast<std::ptrdiff_t>(dash) + 1, name.end(), is_hex))
    return {};
  return std::string(name.substr(0, dash));
}

enum class Found { Nothing, Value, Other, Damaged };
struct Content {
  Found found = Found::Nothing;
  std::string kind, key, value;
};

/// An entry, if it is whole. `kind` and `key`, where given, are compared before the value is read.
Content read_content(const File& file, const struct stat& s, const std::string_view* kind,
                     const std::string_view* key) {
  Header header;
  const Content damaged{Found::Damaged, {}, {}, {}};
  const auto size = static_cast<std::uint64_t>(s.st_size);
  if (!S_ISREG(s.st_mode) || !is_ours(s) || size < sizeof header || size > kMostBytes)
    return damaged;
  if (!file.read(&header, sizeof header) || header.magic != kMagic || header.format != kFormat)
    return damaged;
  const std::uint64_t rest = size - sizeof header;
  if (header.kind_bytes > rest || header.key_bytes > rest - header.kind_bytes ||
      header.value_bytes != rest - header.kind_bytes - header.key_bytes)
    return damaged;
  Content c{Found::Value, std::string(header.kind_bytes, '\0'), std::string(header.key_bytes, '\0'),
            std::string(header.value_bytes, '\0')};
  if (!file.read(c.kind.data(), c.kind.size()) || !file.read(c.key.data(), c.key.size()))
    return damaged;
  if ((kind && c.kind != *kind) || (key && c.key != *key)) return {Found::Other, {}, {}, {}};
  if (!file.read(c.value.data(), c.value.size())) return damaged;
  Checksum sum(header);
  for (const std::string* part : {&c.kind, &c.key, &c.value}) sum.add(*part);
  return sum.value() == header.checksum ? std::move(c) : damaged;
}

Content read_entry(const Folder& folder, const std::string& name, const std::string_view* kind,
                   const std::string_view* key) {
  const File file(
      ::openat(folder.file.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) return {file.error() == ENOENT ? Found::Nothing : Found::Damaged, {}, {}, {}};
  struct stat s{};
  if (::fstat(file.fd(), &s) != 0) return {};
  Content c = read_content(file, s, kind, key);
  if (c.found == Found::Value && now_ns() - used_ns(s) > kUseResolution)
    ::futimens(file.fd(), nullptr);
  return c;
}

void remove_entry(const Folder& folder, const std::string& name) {
  ::unlinkat(folder.file.fd(), name.c_str(), 0);
}

std::string part_name() {
  static std::atomic<unsigned> number{0};
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) random = 0;
  return fmt::format("{}{}-{}-{:016x}", kPartPrefix, ::getpid(), number++, random);
}

}  // namespace

DiskCache::DiskCache(std::string folder, std::uint64_t limit_bytes)
    : folder_(std::move(folder)), limit_bytes_(limit_bytes) {}

std::string DiskCache::entry_name(std::string_view kind, std::string_view key) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, kind.data(), kind.size());
  XXH3_128bits_update(&state, "", 1);
  XXH3_128bits_update(&state, key.data(), key.size());
  const XXH128_hash_t h = XXH3_128bits_digest(&state);
  return fmt::format("{}-{:016x}{:016x}", kind, h.high64, h.low64);
}

std::optional<std::string> DiskCache::find(std::string_view kind, std::string_view key) const {
  const Folder folder = open_folder(folder_);
  if (!folder) return std::nullopt;
  const std::string name = entry_name(kind, key);
  Content c = read_entry(folder, name, &kind, &key);
  if (c.found == Found::Damaged) remove_entry(folder, name);
  if (c.found != Found::Value) return std::nullopt;
  return std::move(c.value);
}

std::string DiskCache::store(std::string_view kind, std::string_view key,
                             std::string_view value) const {
  const Folder folder = make_folder(folder_);
  if (!folder) return folder.why_not;
  if (kind.size() + key.size() + value.size() > kMostBytes - sizeof(Header))
    return "an entry of more than a GiB";
  Header header;
  header.kind_bytes = static_cast<std::uint32_t>(kind.size());
  header.key_bytes = key.size();
  header.value_bytes = value.size();
  Checksum sum(header);
  for (const std::string_view part : {kind, key, value}) sum.add(part);
  header.checksum = sum.value();

  const std::string part = part_name();
  const File file(::openat(folder.file.fd(), part.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return folder_ + ": " + system_says(file.error());
  const std::string_view head(reinterpret_cast<const char*>(&header), sizeof header);
  const bool written =
      file.write(head) && file.write(kind) && file.write(key) && file.write(value) &&
      ::renameat(folder.file.fd(), part.c_str(), folder.file.fd(), entry_name(kind, key).c_str()) ==
          0;
  if (written) return "";
  const int error = errno;
  ::unlinkat(folder.file.fd(), part.c_str(), 0);
  return folder_ + ": " + system_says(error);
}

std::vector<DiskCache::Entry> DiskCache::entries() const {
  const Folder folder = open_folder(folder_);
  if (!folder.why_not.empty()) throw Error("cache: " + folder.why_not);
  std::vector<Entry> out;
  if (!folder) return out;
  for_each_name(folder, [&](const std::string& name) {
    struct stat s{};
    std::string kind = kind_of_name(name);
    if (kind.empty() || ::fstatat(folder.file.fd(), name.c_str(), &s, AT_SYMLINK_NOFOLLOW) != 0)
      return;
    out.push_back({name, std::move(kind), static_cast<std::uint64_t>(s.st_size), used_ns(s)});
  });
  return out;
}

void DiskCache::trim() const {
  const Folder folder = open_folder(folder_);
  if (!folder) return;
  for_each_name(folder, [&](const std::string& name) {
    struct stat s{};
    if (name.starts_with(kPartPrefix) &&
        ::fstatat(folder.file.fd(), name.c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0 &&
        now_ns() - used_ns(s) > kPartLife)
      remove_entry(folder, name);
  });
  std::vector<Entry> all = entries();
  std::uint64_t bytes = 0;
  for (const Entry& e : all) bytes += e.bytes;
  if (bytes <= limit_bytes_) return;
  std::sort(all.begin(), all.end(),
            [](const Entry& a, const Entry& b) { return a.used_ns < b.used_ns; });
  for (const Entry& e : all) {
    if (bytes <= limit_bytes_ - limit_bytes_ / 8) break;
    remove_entry(folder, e.name);
    bytes -= e.bytes;
  }
}

std::int64_t DiskCache::clear() const {
  const std::vector<Entry> all = entries();
  const Folder folder = open_folder(folder_);
  if (!folder) return 0;
  for (const Entry& e : all) remove_entry(folder, e.name);
  return static_cast<std::int64_t>(all.size());
}

DiskCache::Verified DiskCache::verify() const {
  Verified out;
  const std::vector<Entry> all = entries();
  const Folder folder = open_folder(folder_);
  if (!folder) return out;
  for (const Entry& e : all) {
    const Content c = read_entry(folder, e.name, nullptr, nullptr);
    if (c.found == Found::Nothing) continue;  // another process removed it
    const bool good = c.found == Found::Value && entry_name(c.kind, c.key) == e.name;
    ++(good ? out.good : out.dropped);
    if (!good) remove_entry(folder, e.name);
  }
  return out;
}

namespace {

struct OfProcess {
  std::atomic<bool> writes{true}, trimmed{false}, complained{false};
  std::atomic<std::uint64_t> bytes{0};  // stored since the folder was trimmed
  std::atomic<std::int64_t> hits{0}, misses{0}, stored{0};
};
OfProcess of_process;

void complain(const std::string& what) {
  if (!of_process.complained.exchange(true) && env::debug(1, "cache"))
    fmt::print(stderr, "cache: nothing is kept: {}\n", what);
}

// The folder may have grown without this process: its first write looks, and later ones from time
// to time.
void trim_sometimes(const DiskCache& cache, std::uint64_t bytes) {
  const std::uint64_t since = of_process.bytes += bytes;
  if (of_process.trimmed.exchange(true) && since <= cache.limit_bytes() / 64) return;
  of_process.bytes = 0;
  cache.trim();
}

}  // namespace

std::optional<DiskCache> disk_cache() {
  const std::string& folder = env::cache_dir();
  if (folder.empty()) return std::nullopt;
  return DiskCache(folder);
}

std::optional<std::string> find_on_disk(std::string_view kind, std::string_view key) {
  const std::optional<DiskCache> cache = disk_cache();
  if (!cache) return std::nullopt;
  std::optional<std::string> found = cache->find(kind, key);
  ++(found ? of_process.hits : of_process.misses);
  return found;
}

void store_on_disk(std::string_view kind, std::string_view key, std::string_view value) {
  const std::optional<DiskCache> cache = disk_cache();
  if (!cache || !of_process.writes) return;
  const std::string fault = cache->store(kind, key, value);
  if (!fault.empty()) {
    of_process.writes = false;
    return complain(fault);
  }
  ++of_process.stored;
  trim_sometimes(*cache, value.size());
}

DiskCacheCounts disk_cache_counts() {
  return {of_process.hits, of_process.misses, of_process.stored};
}

}  // namespace lilith::runtime
