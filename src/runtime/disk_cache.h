#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What took long to make and is the same in the next process: a folder of files, one an entry.
// Entries are machine code, so a folder or an entry that others own or can write is not used, and
// one that is damaged is dropped; nothing that goes wrong with the disk fails a computation.
namespace lilith::runtime {

/// Entries by kind ("kernel") and key, which says all that the value depends on. An entry's name is
/// a hash of both; it holds both, and is found only where they are equal. Any number of processes
/// may use a folder at once: entries are written aside and renamed into place.
class DiskCache {
 public:
  /// Nothing is touched yet. `limit_bytes`: what trim() keeps the folder below.
  explicit DiskCache(std::string folder, std::uint64_t limit_bytes = std::uint64_t{1} << 30);
  /// A folder that came with a program (pack_into): it is read alone, may be root's too, and its
  /// entries need not be of files of this machine.
  static DiskCache shipped(std::string folder);

  /// The value; none when there is no such entry, or it is not what was stored: then it is removed.
  std::optional<std::string> find(std::string_view kind, std::string_view key) const;
  /// Makes the folder if need be. What went wrong, or "". `made_by`: a file (a compiler's library)
  /// without which, as it is now, the entry is worth nothing.
  std::string store(std::string_view kind, std::string_view key, std::string_view value,
                    const std::string& made_by = "") const;
  /// Removes what was not used for longest until an eighth of the limit is free, when the folder
  /// has outgrown it; and what interrupted processes have left.
  void trim() const;
  /// Removes every entry; how many there were.
  std::int64_t clear() const;

  struct Entry {
    std::string name, kind;
    std::uint64_t bytes = 0;   // of the file
    std::int64_t used_ns = 0;  // when it was last used, to a minute
  };
  /// All entries, in no order. Error when the folder is one that is not used.
  std::vector<Entry> entries() const;
  struct Verified {
    std::int64_t good = 0, dropped = 0;
  };
  /// Copies every entry that is good into a folder that others may read; how many there were. Error
  /// when it cannot be written.
  std::int64_t pack_into(const std::string& folder) const;
  /// Reads every entry and removes those that are not as they were stored.
  Verified verify() const;

  const std::string& folder() const { return folder_; }
  std::uint64_t limit_bytes() const { return limit_bytes_; }
  /// The name of an entry's file.
  static std::string entry_name(std::string_view kind, std::string_view key);

 private:
  std::string folder_;
  std::uint64_t limit_bytes_;
  bool shipped_ = false;
};

/// The cache of this process: LILITH_CACHE's folder, or lilith in XDG_CACHE_HOME or ~/.cache; none
/// for LILITH_CACHE=off.
std::optional<DiskCache> disk_cache();

/// Whether there is that cache, or one that was shipped.
bool has_disk_cache();
/// Looks into a shipped folder too, after the cache and those that were named before; the one that
/// LILITH_CACHE_PACK names is the first. From any thread.
void add_shipped_cache(const std::string& folder);

/// find (then in shipped folders) and store of that cache, where there is one. A write that fails
/// is the last one of the process; LILITH_DEBUG=1 says why.
std::optional<std::string> find_on_disk(std::string_view kind, std::string_view key);
void store_on_disk(std::string_view kind, std::string_view key, std::string_view value,
                   const std::string& made_by = "");

/// A name for bytes: 32 hexadecimal digits.
std::string content_hash(std::string_view bytes);

/// What this process did with it.
struct DiskCacheCounts {
  std::int64_t hits = 0, misses = 0, stored = 0;
};
DiskCacheCounts disk_cache_counts();

}  // namespace lilith::runtime
