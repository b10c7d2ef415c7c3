#include "core/nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "core/quote.h"

namespace lilith {

namespace {

// Levenshtein distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, replaced});
    }
  }
  return row.back();
}

// Long names are compared by their ends, which differ more than their beginnings.
std::string_view end_of(std::string_view name) {
  constexpr std::size_t kCompared = 200;
  return name.substr(name.size() - std::min(name.size(), kCompared));
}

}  // namespace

std::string nearest_hint(std::string_view name, const std::vector<std::string_view>& candidates) {
  const std::string_view wanted = end_of(name);
  const std::string_view* best = nullptr;
  std::size_t least = SIZE_MAX;
  for (const std::string_view& candidate : candidates) {
    const std::string_view other = end_of(candidate);
    const std::size_t distance = edit_distance(other, wanted);
    // As far as its length: it has nothing in common with the name.
    if (distance >= least || distance >= std::max(other.size(), wanted.size())) continue;
    least = distance;
    best = &candidate;
  }
  return best == nullptr ? "" : fmt::format("; the nearest is '{}'", escaped(*best));
}

}  // namespace lilith
