#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "ir/node.h"

namespace lilith::schedule {

struct SparseSpec;

/// What one kernel computes.
struct Group {
  enum class Kind : std::uint8_t { Map, Contraction, Scatter } kind = Kind::Map;
  /// Stored values with one element a point of the domain. Of a contraction: its own value or what
  /// its epilogue makes of it.
  std::vector<ir::NodeImpl*> stores;
  /// Reductions over the domain, all over the same axes.
  std::vector<ir::NodeImpl*> reduces;
  ir::NodeImpl* core = nullptr;  // the contraction or scatter
  Shape domain;                  // of the loops (a contraction: of its result)
  ir::NodeImpl* pool = nullptr;  // a contraction whose results are windows of its own, like this
  std::shared_ptr<const SparseSpec> sparse = {};  // a contraction with an operand of few elements
  /// Maps that run one after another on each row, in one kernel; nothing above is set then.
  std::vector<Group> chain = {};
  std::vector<ir::NodeImpl*> reads = {};    // of a stage of a chain: the stored values it reads
  std::vector<ir::NodeImpl*> visible = {};  // of a chain: what others read of its results

  /// Every stored value it produces.
  std::vector<ir::NodeImpl*> results() const;
};

}  // namespace lilith::schedule
