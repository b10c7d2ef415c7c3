#include "schedule/fusion/reads.h"

namespace lilith::schedule {

Reads::Reads(const FusionState& state)
    : s_(state),
      reads_(state.dataflow().order().size()),
      known_(state.dataflow().order().size()),
      seen_(state.dataflow().order().size()) {}

const Numbers& Reads::of(int n) {
  Numbers& reads = reads_[static_cast<std::size_t>(n)];
  if (!known_.add(n)) return reads;
  seen_.clear();
  std::vector<std::pair<int, std::size_t>> stack{{n, 0}};
  while (!stack.empty()) {
    auto& [top, next] = stack.back();
    const std::span<const int> inputs = s_.dataflow().input_edges().of(top);
    if (next == inputs.size()) {
      stack.pop_back();
      continue;
    }
    const int in = inputs[next++];
    if (!seen_.add(in)) continue;
    if (s_.stored(in))
      reads.push_back(in);
    else
      stack.emplace_back(in, 0);
  }
  return reads;
}

Numbers Reads::of(const Group& g, const Numbers& results) {
  Numbers computed = results, reads;
  if (const auto* product = std::get_if<Product>(&g))
    computed.push_back(s_.dataflow().index(product->core));
  for (const int n : computed) of(n);  // that is known then, and the marks are free
  seen_.clear();
  for (const int n : computed) {
    for (const int r : of(n)) {
      if (seen_.add(r)) reads.push_back(r);
    }
  }
  return reads;
}

}  // namespace lilith::schedule
