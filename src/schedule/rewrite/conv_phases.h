#pragma once
#include <vector>

#include "lilith/graph.h"

namespace lilith::schedule {

/// A rewrite of convolutions of a dilated input (gradients of strided ones, transposed ones), most
/// of whose products are with zeros: one convolution of the input itself for each place between its
/// elements, with the taps that meet an element there. Undefined where the node stays as it is.
Tensor split_phases(const Node& n, const std::vector<Tensor>& in);

}  // namespace lilith::schedule
