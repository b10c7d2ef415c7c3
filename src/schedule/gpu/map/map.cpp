#include "schedule/gpu/map/map.h"

#include <algorithm>
#include <memory>

#include "schedule/gpu/backend.h"

namespace lilith::schedule::gpu {

namespace {

std::vector<Choice> pointwise_ways(const std::shared_ptr<MapKernel>& map) {
  std::vector<Choice> ways{
      {"pointwise", pointwise_cycles(*map), map->results(), [map] { emit_pointwise(*map); }}};
  if (std::optional<Crossing> c = find_crossing(*map))
    ways.push_back({"transposed through tiles", c->cycles, map->results(),
                    [map, c = *std::move(c)] { emit_crossing(*map, c); }});
  std::ranges::stable_sort(ways, {}, &Choice::cycles);
  return ways;
}

}  // namespace

std::vector<Choice> map_ways(Builder& b, const Map& g) {
  const auto map = std::make_shared<MapKernel>(b, g);
  const auto way = [&](const char* name, void (*emit)(MapKernel&)) {
    return std::vector<Choice>{{name, 0, map->results(), [map, emit] { emit(*map); }}};
  };
  if (g.reduces.empty()) return pointwise_ways(map);
  if (map->domain.shape.numel() == 0) return {};
  if (is_arg_reduction(g.reduces[0])) return way("index of the best", emit_best_index);
  const bool by_rows = map->dims.empty() || map->dims.back().reduced;
  if (by_rows) return way("row reduction", emit_row_reduction);
  // An element of each thread and reduction lies in shared memory.
  const auto bytes = std::ssize(g.reduces) * 8 * b.target.gpu->threads;
  if (bytes > b.target.gpu->shared_bytes) return {};
  return way("column reduction", emit_column_reduction);
}

}  // namespace lilith::schedule::gpu
