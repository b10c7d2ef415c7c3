#pragma once
#include "schedule/cpu/contraction/ways.h"

namespace lilith::schedule {

/// Correlations of 3x3 and 5x5 taps with fewer multiplications than products.
void add_winograd_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                       std::vector<Choice>* ways);

}  // namespace lilith::schedule
