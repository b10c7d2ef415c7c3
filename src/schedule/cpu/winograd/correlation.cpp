#include "schedule/cpu/winograd/correlation.h"

#include <algorithm>

namespace lilith::schedule {

std::optional<Correlation> find_correlation(const ContractionSpec& spec) {
  const auto& axes = spec.axes;
  const auto axis = [&](int i) -> const Axis& { return axes[static_cast<std::size_t>(i)]; };
  Correlation c;
  for (int i = 0; i < static_cast<int>(axes.size()); ++i) {
    if (axis(i).summed())
      c.summed.push_back(i);
    else if (axis(i).b == 0)
      c.rows.push_back(i);
    else if (axis(i).a == 0 && c.columns < 0)
      c.columns = i;
    else
      return {};
  }
  if (c.columns < 0) return {};
  int found = 0;
  for (const int k : std::vector<int>(c.summed)) {
    const auto slides = std::ranges::find_if(c.rows, [&](int i) {
      return axis(i).a == axis(k).a && axis(i).a != 0 && axis(i).out_step == 1;
    });
    if (slides == c.rows.end() || axis(k).b == 0) continue;
    if (found == 2) return {};
    c.result[found] = *slides;
    c.taps[found++] = k;
    c.rows.erase(slides);
    std::erase(c.summed, k);
  }
  if (found < 2) return {};
  return c;
}

}  // namespace lilith::schedule
