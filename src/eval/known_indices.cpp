#include "eval/known_indices.h"

#include <algorithm>
#include <optional>

#include "ir/node.h"
#include "schedule/rewrite/index_range.h"

namespace lilith {

using schedule::IndexRange;

KnownIndices::KnownIndices(const Graph& indices, std::vector<schedule::IndexCheck> checks,
                           const ScalarBlock& scalars)
    : indices_(indices), checks_(std::move(checks)), scalars_(scalars) {
  const std::vector<Tensor>& inputs = indices.inputs();
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const bool is_read = std::ranges::any_of(indices_.nodes(), [&](const ir::NodeImpl* n) {
      return n == inputs[k].node() || std::ranges::count(n->inputs, inputs[k].node()) > 0;
    });
    if (is_read && inputs[k].dtype() == DType::I64) used_.push_back(k);
  }
}

bool KnownIndices::pass(std::span<const StoragePtr> inputs) const {
  const auto is_known = [&](std::size_t k) {
    return scalars_.offset(k).has_value() || inputs[k]->range().has_value();
  };
  if (used_.empty() || !std::ranges::all_of(used_, is_known)) return false;  // as on the host
  std::vector<std::optional<IndexRange>> known(inputs.size());
  for (const std::size_t k : used_) {
    if (scalars_.offset(k)) {
      const auto value = *static_cast<const std::int64_t*>(inputs[k]->data());
      known[k] = {value, value};
    } else {
      known[k] = {inputs[k]->range()->least, inputs[k]->range()->most};
    }
  }
  const auto ranges = schedule::index_ranges(indices_, known);
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    const std::optional<IndexRange>& range = ranges[indices_.outputs()[i]];
    if (!range || !checks_[i].passes(range->least, range->most)) return false;
  }
  return true;
}

}  // namespace lilith
