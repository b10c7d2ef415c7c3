#pragma once
#include <vector>

#include "ir/node_map.h"
#include "lilith/tensor.h"

namespace lilith::ir {

/// The nodes between `stops` and the outputs: those that depend on a stop, inputs first.
std::vector<NodeImpl*> region_between(const std::vector<Tensor>& outputs,
                                      const std::vector<Tensor>& stops);

/// Outputs as functions of other values: nodes of the region are copied, with `by` in place of the
/// stops (undefined ones stay); what does not depend on them is shared.
std::vector<Tensor> copy_between(const std::vector<Tensor>& outputs,
                                 const std::vector<Tensor>& stops, const std::vector<Tensor>& by);

}  // namespace lilith::ir
