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
  /// Whether products may compute this op where they read their operands.
  virtual bool is_prologue(const ir::NodeImpl* n) const = 0;
  /// Whether a product had better compute an operand, at so many flops an element, as often as it
  /// reads it: there is no kernel then that stores it.
  virtual bool computes_operand(const ir::NodeImpl* product, const ir::NodeImpl* operand,
                                double flops) const = 0;
  /// Whether it does so even where others read the operand too, or where what it is made of would
  /// else not be stored.
  virtual bool computes_again() const = 0;
  /// Whether a product whose result is only padded or transposed stores it in the midst of the
  /// zeros, or transposed.
  virtual bool stores_copies() const = 0;
  /// Whether a kernel may wait for a value that a part of it needs, with what others read of the
  /// rest.
  virtual bool kernels_wait() const = 0;
  /// Whether one task a row is a good way to reduce these axes.
  virtual bool suits_rows(const Shape& domain, const std::vector<std::int64_t>& axes) const = 0;
};

}  // namespace lilith::schedule
