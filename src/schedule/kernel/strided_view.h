#pragma once
#include <cstdint>
#include <vector>

#include "ir/node.h"

namespace lilith::schedule {

/// A view of a stored value whose elements lie at an affine place: index of base dimension d =
/// offset[d] + sum over view dimensions v of coefficient[d][v] * index v.
struct StridedView {
  ir::NodeImpl* base = nullptr;
  std::vector<std::int64_t> offset;
  std::vector<std::vector<std::int64_t>> coefficient;
};
/// Looks through transposes, slices, reversals, broadcasts and splitting reshapes.
StridedView strided_view(ir::NodeImpl* node);

}  // namespace lilith::schedule
