#include "ops/cases.h"

namespace lilith::testing {

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> out = elementwise_cases();
    for (auto& family : {structure_cases(), composite_cases(), sorting_cases(), linalg_cases()})
      out.insert(out.end(), family.begin(), family.end());
    return out;
  }();
  return all;
}

}  // namespace lilith::testing
