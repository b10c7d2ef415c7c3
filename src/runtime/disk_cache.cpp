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

#include "lilith/error.h"

namespace lilith::runtime {
namespace {

constexpr std::array<char, 8> kMagic = {'l', 'i', 'l', 'c', 'a', 'c', 'h', 'e'};
constexpr std::uint32_t kFormat = 2;
constexpr std::string_view kPartPrefix = ".part-";
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;  // of an entry
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kUseResolution = 60 * kSecond;  // a use is noted once a minute
constexpr std::int64_t kPartLife = 3600 * kSecond;     // then its writer is gone

/// An entry's file: this, the kind, the key, the stamp of what made it, the value.
struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t format = kFormat;
  std::uint32_t kind_bytes = 0;
  std::uint64_t key_bytes = 0, stamp_bytes = 0, value_bytes = 0;
  std::array<std::uint64_t, 2> checksum = {};  // of all the others and what follows
};
static_assert(sizeof(Header) == 56);

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

/// Whose files are read.
enum class Owner { User, UserOrRoot };

// Nobody else can have written what is there.
bool is_trusted(const struct stat& s, Owner owner) {
  const bool owned = s.st_uid == ::geteuid() || (owner == Owner::UserOrRoot && s.st_uid == 0);
  return owned && (s.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// How a file looks from outside: "size.time path".
std::string stamp_of(std::string_view path) {
  struct stat s{};
  if (path.empty()) return {};
  if (::stat(std::string(path).c_str(), &s) != 0) return fmt::format("none {}", path);
  return fmt::format("{}.{}.{} {}", s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec, path);
}
bool is_unchanged(std::string_view stamp) {
  return stamp.empty() || stamp_of(stamp.substr(stamp.find(' ') + 1)) == stamp;
}

std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}
std::int64_t used_ns(const struct stat& s) {
  return s.st_mtim.tv_sec * kSecond + s.st_mtim.tv_nsec;
}

/// An open folder that nobody else can write: what is done in it is done to this folder,
/// whatever becomes of its path. `why_not` says why there is none; empty when it does not exist.
struct Folder {
  File file;
  std::string why_not;
  explicit operator bool() const { return bool(file); }
};

Folder open_folder(const std::string& path, Owner owner = Owner::User) {
  File file(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file) {
    const int error = file.error();
    return {std::move(file), error == ENOENT ? "" : path + ": " + system_says(error)};
  }
  struct stat s{};
  if (::fstat(file.fd(), &s) != 0) return {File(-1), path + ": " + system_says(errno)};
  if (!is_trusted(s, owner)) return {File(-1), path + ": others own it or can write to it"};
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
  std::string kind = {}, key = {}, stamp = {}, value = {};
};
/// What is asked for, compared before the value is read; none: whatever is there.
struct Wanted {
  std::string_view kind, key;
};

/// An entry, if it is whole.
Content read_content(const File& file, const struct stat& s, const Wanted* wanted, Owner owner) {
  Header header;
  const Content damaged{Found::Damaged};
  const auto size = static_cast<std::uint64_t>(s.st_size);
  if (!S_ISREG(s.st_mode) || !is_trusted(s, owner) || size < sizeof header || size > kMostBytes)
    return damaged;
  if (!file.read(&header, sizeof header) || header.magic != kMagic || header.format != kFormat)
    return damaged;
  std::uint64_t rest = size - sizeof header;
  const std::uint64_t sizes[] = {header.kind_bytes, header.key_bytes, header.stamp_bytes,
                                 header.value_bytes};
  for (const std::uint64_t part : sizes) {
    if (part > rest) return damaged;
    rest -= part;
  }
  if (rest != 0) return damaged;
  Content c{Found::Value};
  Checksum sum(header);
  const auto read = [&](std::string* part, std::uint64_t bytes) {
    part->resize(bytes);
    if (!file.read(part->data(), bytes)) return false;
    sum.add(*part);
    return true;
  };
  if (!read(&c.kind, header.kind_bytes) || !read(&c.key, header.key_bytes)) return damaged;
  if (wanted && (c.kind != wanted->kind || c.key != wanted->key)) return {Found::Other};
  if (!read(&c.stamp, header.stamp_bytes) || !read(&c.value, header.value_bytes)) return damaged;
  if (sum.value() != header.checksum) return damaged;
  if (owner == Owner::User && !is_unchanged(c.stamp)) return {Found::Other};
  return c;
}

Content read_entry(const Folder& folder, const std::string& name, const Wanted* wanted,
                   Owner owner) {
  const File file(
      ::openat(folder.file.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) return {file.error() == ENOENT ? Found::Nothing : Found::Damaged};
  struct stat s{};
  if (::fstat(file.fd(), &s) != 0) return {};
  Content c = read_content(file, s, wanted, owner);
  if (c.found == Found::Value && owner == Owner::User && now_ns() - used_ns(s) > kUseResolution)
    ::futimens(file.fd(), nullptr);
  return c;
}

std::string digits(XXH128_hash_t h) { return fmt::format("{:016x}{:016x}", h.high64, h.low64); }

std::string part_name() {
  static std::atomic<unsigned> number{0};
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) random = 0;
  return fmt::format("{}{}-{}-{:016x}", kPartPrefix, ::getpid(), number++, random);
}

/// Writes an entry aside and renames it. What went wrong, or "".
std::string write_entry(const Folder& folder, const Content& c, mode_t mode) {
  Header header;
  header.kind_bytes = static_cast<std::uint32_t>(c.kind.size());
  header.key_bytes = c.key.size();
  header.stamp_bytes = c.stamp.size();
  header.value_bytes = c.value.size();
  const std::string* parts[] = {&c.kind, &c.key, &c.stamp, &c.value};
  std::uint64_t bytes = sizeof header;
  Checksum sum(header);
  for (const std::string* part : parts) {
    sum.add(*part);
    bytes += part->size();
  }
  header.checksum = sum.value();
  if (bytes > kMostBytes) return "an entry of more than a GiB";

  const std::string name = DiskCache::entry_name(c.kind, c.key), aside = part_name();
  const int in = folder.file.fd();
  const File file(
      ::openat(in, aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return system_says(file.error());
  bool written = file.write({reinterpret_cast<const char*>(&header), sizeof header});
  for (const std::string* part : parts) written = written && file.write(*part);
  if (written && ::fchmod(file.fd(), mode) == 0 &&
      ::renameat(in, aside.c_str(), in, name.c_str()) == 0)
    return "";
  const int error = errno;
  ::unlinkat(in, aside.c_str(), 0);
  return system_says(error);
}

void remove_entry(const Folder& folder, const std::string& name) {
  ::unlinkat(folder.file.fd(), name.c_str(), 0);
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
  return fmt::format("{}-{}", kind, digits(XXH3_128bits_digest(&state)));
}

std::string content_hash(std::string_view bytes) {
  return digits(XXH3_128bits(bytes.data(), bytes.size()));
}

DiskCache DiskCache::shipped(std::string folder) {
  DiskCache cache(std::move(folder));
  cache.shipped_ = true;
  return cache;
}

std::optional<std::string> DiskCache::find(std::string_view kind, std::string_view key) const {
  const Owner owner = shipped_ ? Owner::UserOrRoot : Owner::User;
  const Folder folder = open_folder(folder_, owner);
  if (!folder) return std::nullopt;
  const std::string name = entry_name(kind, key);
  const Wanted wanted{kind, key};
  Content c = read_entry(folder, name, &wanted, owner);
  if (c.found == Found::Damaged && !shipped_) remove_entry(folder, name);
  if (c.found != Found::Value) return std::nullopt;
  return std::move(c.value);
}

std::string DiskCache::store(std::string_view kind, std::string_view key, std::string_view value,
                             const std::string& made_by) const {
  const Folder folder = make_folder(folder_);
  if (!folder) return folder.why_not;
  const Content c{Found::Value, std::string(kind), std::string(key), stamp_of(made_by),
                  std::string(value)};
  const std::string fault = write_entry(folder, c, 0600);
  return fault.empty() ? "" : folder_ + ": " + fault;
}

std::int64_t DiskCache::pack_into(const std::string& folder) const {
  const std::vector<Entry> all = entries();
  const Folder from = open_folder(folder_), to = make_folder(folder);
  if (!to) throw Error("cache: " + to.why_not);
  LILITH_CHECK(::fchmod(to.file.fd(), 0755) == 0, "cache: {}: {}", folder, system_says(errno));
  std::int64_t packed = 0;
  for (const Entry& e : all) {
    const Content c = read_entry(from, e.name, nullptr, Owner::User);
    if (c.found != Found::Value || entry_name(c.kind, c.key) != e.name) continue;
    const std::string fault = write_entry(to, c, 0644);
    LILITH_CHECK(fault.empty(), "cache: {}: {}", folder, fault);
    ++packed;
  }
  return packed;
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
    const Content c = read_entry(folder, e.name, nullptr, Owner::User);
    if (c.found == Found::Nothing) continue;  // another process removed it
    const bool good = c.found == Found::Value && entry_name(c.kind, c.key) == e.name;
    ++(good ? out.good : out.dropped);
    if (!good) remove_entry(folder, e.name);
  }
  return out;
}

}  // namespace lilith::runtime
