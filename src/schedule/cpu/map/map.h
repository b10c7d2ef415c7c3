#pragma once
#include <string>

#include "schedule/kernel/map_kernel.h"

namespace lilith::schedule {

/// The kinds of maps: each adds the body and says what is particular to it. map.cpp decides.
std::string emit_pointwise(MapKernel& map);
std::string emit_row_reduction(MapKernel& map);
std::string emit_column_reduction(MapKernel& map);
std::string emit_best_index(MapKernel& map);

}  // namespace lilith::schedule
