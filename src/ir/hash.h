#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

namespace lilith {

/// Folds a word into a hash. Stable from run to run: keys of the disk cache are built of it.
inline std::uint64_t mix(std::uint64_t h, std::uint64_t x) {
  h ^= x * 0x9e3779b97f4a7c15u;
  h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93u;
  return h ^ (h >> 29);
}

inline std::uint64_t hash_text(std::string_view s) {
  std::uint64_t h = s.size();
  while (s.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, s.data(), 8);
    h = mix(h, word);
    s.remove_prefix(8);
  }
  std::uint64_t rest = 0;
  if (!s.empty()) std::memcpy(&rest, s.data(), s.size());
  return mix(h, rest);
}

}  // namespace lilith
