#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schedule/cpu/map/map.h"

// What a map without reductions may need more than one walk for.
namespace lilith::schedule {

/// A loop cut where its values come from other reads: [bounds[k], bounds[k + 1]) each.
struct Stretches {
  std::size_t dim;
  std::vector<std::int64_t> bounds;
};
std::optional<Stretches> find_stretches(const MapKernel& map);
std::string emit_stretches(MapKernel& map, const Stretches& s);

/// A loop that an access walks in line while it crosses lines along the innermost one, and tiles
/// of both.
struct Crossing {
  std::size_t dim;
  std::int64_t tile, strip;
};
std::optional<Crossing> find_crossing(MapKernel& map);
std::string emit_tiled(MapKernel& map, const Crossing& crossing);

}  // namespace lilith::schedule
