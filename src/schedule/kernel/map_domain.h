#pragma once
#include <cstdint>
#include <vector>

#include "schedule/group.h"
#include "schedule/kernel/loops.h"
#include "schedule/kernel/lowering.h"

namespace lilith::schedule {

/// The points that the loops of maps walk over.
struct MapDomain {
  /// `axes`: the dimensions that are reduced.
  MapDomain(kir::Pool& pool, const Shape& shape, const std::vector<std::int64_t>& axes);

  /// The index of a value that has no reduced dimensions, or one element in each.
  Index kept_index(const ir::NodeImpl* n) const;
  /// The loops over the dimensions in this order, without those of one element.
  std::vector<LoopDim> loops(const std::vector<int>& order) const;

  Shape shape;
  std::vector<bool> reduced;  // by dimension
  Index index;                // of a point, in terms of the loops' variables
};

/// The dimensions that a map reduces.
std::vector<std::int64_t> reduced_axes(const Map& g);
/// What computing a map takes: its results' ops, once for each point.
double flops_of(const Map& g);

}  // namespace lilith::schedule
