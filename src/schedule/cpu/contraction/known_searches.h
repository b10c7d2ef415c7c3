#pragma once
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "schedule/kernel/contraction_spec.h"

namespace lilith::schedule {

/// All that a search for the tiles of a product depends on.
std::string search_key(const ContractionSpec& spec, const Target& target, DType dtype);

/// What searches found: layers of a network, and programs that differ in a size, ask for the same
/// products again and again. Thread-safe.
template <class Schedule>
class KnownSearches {
 public:
  template <class Search>
  std::vector<Schedule> find_or(const std::string& key, Search&& search) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto at = found_.find(key); at != found_.end()) return at->second;
    }
    std::vector<Schedule> made = search();
    const std::lock_guard lock(mutex_);
    if (found_.size() >= kMost) found_.clear();
    found_.emplace(key, made);
    return made;
  }

 private:
  static constexpr std::size_t kMost = 4096;
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<Schedule>> found_;
};

}  // namespace lilith::schedule
