#pragma once
#include <cstdint>
#include <string>
#include <vector>

// Compiled programs on disk (docs/compile-cache.md). Nothing here is needed for it to work.
namespace lilith {

/// The folder: LILITH_CACHE's, else lilith in XDG_CACHE_HOME or ~/.cache; empty for none
/// (LILITH_CACHE=off, or no home).
std::string disk_cache_folder();

/// The entries of one kind in it ("program", "kernel", "object").
struct DiskCacheKind {
  std::string name;
  std::int64_t entries = 0, bytes = 0;
};
/// What is in it, by kind. Error when the folder belongs to others or they can write to it.
std::vector<DiskCacheKind> disk_cache_contents();
/// What it may grow to.
std::int64_t disk_cache_limit_bytes();
/// Removes every entry; how many there were. Error as above.
std::int64_t clear_disk_cache();

/// Entries that were as written, and those that were not and are gone.
struct DiskCacheCheck {
  std::int64_t good = 0, dropped = 0;
};
/// Reads every entry and removes those that are not as they were written. Error as above.
DiskCacheCheck verify_disk_cache();

/// Copies every good entry into a folder that can be shipped beside a program; how many there were.
/// Error when there is no cache, or `folder` cannot be written.
std::int64_t pack_disk_cache(const std::string& folder);
/// Looks into such a folder for what the cache does not have; several are looked into in turn, the
/// one that LILITH_CACHE_PACK names first. It is not used unless it and its files are this user's
/// or root's, with no others who can write to them; one that does not exist is empty.
void use_disk_cache_pack(const std::string& folder);

}  // namespace lilith
