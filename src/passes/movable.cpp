#include "passes/movable.h"

#include <algorithm>

namespace lilith::passes {
namespace {

using ir::NodeImpl;

bool keeps_order(const Ints& sizes, const Ints& perm) {
  std::int64_t last = -1;
  for (std::int64_t d : perm) {
    if (sizes[static_cast<std::size_t>(d)] == 1) continue;
    if (d < last) return false;
    last = d;
  }
  return true;
}

}  // namespace

std::optional<Attrs> moved_attrs(const NodeImpl& op, const Ints& perm) {
  if (op.op->cls == OpClass::Elementwise) return op.attrs;
  const std::optional<DimAttrs>& dims = op.op->dims;
  if (!dims) return std::nullopt;
  if (!dims->numbered.empty() && !keeps_order(ints(op, dims->numbered), perm)) return std::nullopt;
  Attrs attrs = op.attrs;
  for (const std::string& key : dims->each) attrs.set(key, permuted(ints(op, key), perm));
  const Ints place = inverse(perm);
  if (!dims->one.empty())
    attrs.set(dims->one, place[static_cast<std::size_t>(op.attrs.integer(dims->one))]);
  if (!dims->some.empty()) {
    Ints moved;
    for (std::int64_t d : ints(op, dims->some)) moved.push_back(place[static_cast<std::size_t>(d)]);
    std::sort(moved.begin(), moved.end());
    attrs.set(dims->some, moved);
  }
  return attrs;
}

bool is_movable(const NodeImpl& op) {
  return op.op->cls == OpClass::Elementwise || op.op->dims.has_value();
}

}  // namespace lilith::passes
