#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "schedule/kernel/contraction_spec.h"

namespace lilith::schedule {

/// A product that is a correlation along two axes of its result: a moves alike with the result's
/// axis and with a summed one, the taps. Numbers of axes in the spec; -1: there is none.
struct Correlation {
  int result[2] = {-1, -1};
  int taps[2] = {-1, -1};
  int columns = -1;         // the one axis of b and the result
  std::vector<int> rows;    // of a and the result
  std::vector<int> summed;  // of a and b
};
/// None where there is another number of such axes, or of columns, or an axis that moves both
/// operands and the result.
std::optional<Correlation> find_correlation(const ContractionSpec& spec);

}  // namespace lilith::schedule
