#pragma once
#include <memory>
#include <unordered_map>

#include "schedule/dataflow.h"
#include "schedule/fusion/rules.h"

namespace lilith::schedule {

/// Which products walk a list of an operand's elements: those whose sparse form the device wants.
class SparseProducts {
 public:
  SparseProducts(const Dataflow& a, const FusionRules& rules);

  /// Its sparse form; null where the product is dense.
  std::shared_ptr<const SparseSpec> of(const ir::NodeImpl* product) const;
  /// A value that is only ever read as a list of its elements: it lies in no buffer.
  bool listed(const ir::NodeImpl* n) const;

 private:
  const Dataflow& a_;
  std::unordered_map<const ir::NodeImpl*, std::shared_ptr<const SparseSpec>> specs_;
};

}  // namespace lilith::schedule
