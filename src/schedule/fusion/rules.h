#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "schedule/kernel/sparse_spec.h"

namespace lilith::schedule {

/// What fusion asks of a device.
class FusionRules {
 public:
  virtual ~FusionRules() = default;
  /// The sparse form of a product, where it has one that pays.
  virtual std::optional<SparseSpec> sparse(const ir::NodeImpl* product) const = 0;
  /// Whether windows over a product's result can be taken from its accumulators.
  virtual bool pools(const ir::NodeImpl* product, const ir::NodeImpl* pool) const = 0;
  /// Whether products compute this operand where they read it: it need not be stored.
  virtual bool is_prologue(const ir::NodeImpl* operand) const = 0;
  /// Whether one task a row is a good way to reduce these axes.
  virtual bool suits_rows(const Shape& domain, const std::vector<std::int64_t>& axes) const = 0;
};

}  // namespace lilith::schedule
