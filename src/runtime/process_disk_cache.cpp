#include <atomic>
#include <cstdio>
#include <map>
#include <utility>

#include "core/env.h"
#include "lilith/disk_cache.h"
#include "lilith/error.h"
#include "runtime/disk_cache.h"

// The cache of this process, and those that came with its program.
namespace lilith::runtime {
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

/// Folders that were shipped: a list that only grows, at its end.
struct Shipped {
  const DiskCache cache;
  std::atomic<Shipped*> next{nullptr};
};

std::atomic<Shipped*>& shipped() {
  static auto* first = [] {
    const std::string& named = env::text("LILITH_CACHE_PACK");
    return new std::atomic<Shipped*>(named.empty() ? nullptr
                                                   : new Shipped{DiskCache::shipped(named)});
  }();
  return *first;
}

}  // namespace

void add_shipped_cache(const std::string& folder) {
  auto* added = new Shipped{DiskCache::shipped(folder)};
  std::atomic<Shipped*>* end = &shipped();
  Shipped* there = nullptr;
  while (!end->compare_exchange_strong(there, added)) {
    end = &there->next;
    there = nullptr;
  }
}

bool has_disk_cache() { return !env::cache_dir().empty() || shipped().load() != nullptr; }

std::optional<DiskCache> disk_cache() {
  const std::string& folder = env::cache_dir();
  if (folder.empty()) return std::nullopt;
  return DiskCache(folder);
}

std::optional<std::string> find_on_disk(std::string_view kind, std::string_view key) {
  std::optional<std::string> found;
  if (const std::optional<DiskCache> own = disk_cache()) found = own->find(kind, key);
  for (const Shipped* s = shipped(); s && !found; s = s->next) found = s->cache.find(kind, key);
  ++(found ? of_process.hits : of_process.misses);
  return found;
}

void store_on_disk(std::string_view kind, std::string_view key, std::string_view value,
                   const std::string& made_by) {
  const std::optional<DiskCache> cache = disk_cache();
  if (!cache || !of_process.writes) return;
  const std::string fault = cache->store(kind, key, value, made_by);
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

namespace lilith {

using runtime::disk_cache;

std::string disk_cache_folder() { return env::cache_dir(); }

std::vector<DiskCacheKind> disk_cache_contents() {
  std::map<std::string, DiskCacheKind> kinds;
  const auto cache = disk_cache();
  if (!cache) return {};
  for (const runtime::DiskCache::Entry& e : cache->entries()) {
    DiskCacheKind& kind = kinds[e.kind];
    kind.name = e.kind;
    ++kind.entries;
    kind.bytes += static_cast<std::int64_t>(e.bytes);
  }
  std::vector<DiskCacheKind> out;
  for (auto& [name, kind] : kinds) out.push_back(std::move(kind));
  return out;
}

std::int64_t disk_cache_limit_bytes() {
  const auto cache = disk_cache();
  return cache ? static_cast<std::int64_t>(cache->limit_bytes()) : 0;
}

std::int64_t clear_disk_cache() {
  const auto cache = disk_cache();
  return cache ? cache->clear() : 0;
}

DiskCacheCheck verify_disk_cache() {
  const auto cache = disk_cache();
  if (!cache) return {};
  const auto [good, dropped] = cache->verify();
  return {good, dropped};
}

std::int64_t pack_disk_cache(const std::string& folder) {
  const auto cache = disk_cache();
  LILITH_CHECK(cache, "pack_disk_cache: there is no cache (LILITH_CACHE=off, or no home)");
  return cache->pack_into(folder);
}

void use_disk_cache_pack(const std::string& folder) { runtime::add_shipped_cache(folder); }

}  // namespace lilith
