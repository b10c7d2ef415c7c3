#pragma once
#include "schedule/kernel/backend.h"

namespace lilith::schedule {

/// Whether the model of cycles says that a sparse form costs less than the dense one.
bool sparse_pays(const SparseSpec& form, const ir::NodeImpl* core, const Target& target);

/// Made once, in a launch of its own.
SparseList sparse_list(Builder& b, const SparseSpec& spec,
                       const std::vector<std::int64_t>& strides);

Choice sparse_gather_way(Builder& b, const Product& g);
Choice sparse_scatter_way(Builder& b, const Product& g);

}  // namespace lilith::schedule
