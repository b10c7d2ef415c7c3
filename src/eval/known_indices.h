#pragma once
#include <span>
#include <vector>

#include "eval/scalar_block.h"
#include "ir/numbered.h"
#include "schedule/rewrite/index_checks.h"

namespace lilith {

/// The checks of indices that follow simply from a program's inputs, answered by what the host
/// knows of these: the range of integers that it wrote to a device, and 0-d ones that come by
/// value. No memory of a device is read.
class KnownIndices {
 public:
  /// indices: one for each check, of the program's inputs.
  KnownIndices(const Graph& indices, std::vector<schedule::IndexCheck> checks,
               const ScalarBlock& scalars);
  const Graph& graph() const { return indices_.graph(); }
  /// Whether all of them are known to pass.
  bool pass(std::span<const StoragePtr> inputs) const;

 private:
  const ir::Numbered indices_;
  const std::vector<schedule::IndexCheck> checks_;
  const ScalarBlock& scalars_;
  std::vector<std::size_t> used_;  // inputs
};

}  // namespace lilith
