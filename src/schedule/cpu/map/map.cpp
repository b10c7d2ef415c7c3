#include <memory>

#include "schedule/cpu/backend.h"
#include "schedule/cpu/map/map.h"
#include "schedule/kernel/reduction.h"

// Kernels over one domain: pointwise stores and reductions over the same axes. Values, the order of
// the loops and layouts come first (map_kernel.h); they say of which kind the kernel is:
//
//   pointwise.cpp         parallel outer { vector inner { store… } }
//   row_reduction.cpp     parallel row { decl acc; for reduced { vector { acc += … } } store }
//   column_reduction.cpp  parallel tile { decl acc[tile]; for reduced { vector c { acc[c] += … } }
//                           vector c { store } }
//   best_index.cpp        parallel kept { decl best; for reduced { if better … } store }
namespace lilith::schedule {

std::vector<Choice> map_ways(Builder& b, const Map& g) {
  const auto map = std::make_shared<MapKernel>(b, g);
  const auto way = [&](const char* name, std::string (*emit_body)(MapKernel&)) {
    const auto emit = [map, emit_body] { map->launch(emit_body(*map)); };
    return std::vector<Choice>{{name, 0, map->results(), emit}};
  };
  if (g.reduces.empty()) return way("pointwise", emit_pointwise);
  if (is_arg_reduction(g.reduces[0])) return way("index of the best", emit_best_index);
  const bool by_rows = map->dims.empty() || map->dims.back().reduced;
  return by_rows ? way("row reduction", emit_row_reduction)
                 : way("column reduction", emit_column_reduction);
}

}  // namespace lilith::schedule
