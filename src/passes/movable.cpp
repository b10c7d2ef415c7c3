#include "passes/movable.h"

#include <algorithm>
#include <array>

namespace lilith::passes {
namespace {

using ir::NodeImpl;

/// How the attrs of an op speak of dimensions.
struct Movable {
  std::string_view op;
  std::array<std::string_view, 6> per_dim;  // lists with one entry per dimension
  std::string_view axis;                    // an attr that names one dimension
  bool offsets;  // offsets in a window are row-major: dimensions wider than 1 must keep their order
};

constexpr Movable kMovables[] = {
    {"slice", {"start", "limit", "stride"}, "", false},
    {"pad", {"lo", "hi", "interior"}, "", false},
    {"concat", {}, "dim", false},
    {"gather", {}, "axis", false},
    {"scatter_add", {}, "axis", false},
    {"reduce_window_sum", {"window", "stride", "lo", "hi", "dilation"}, "", false},
    {"reduce_window_max", {"window", "stride", "lo", "hi", "dilation"}, "", false},
    {"window_argmax", {"window", "stride", "lo", "hi", "dilation"}, "", true},
    {"window_gather", {"window", "stride", "lo", "hi", "dilation"}, "", true},
    {"unpool", {"window", "stride", "lo", "hi", "dilation", "shape"}, "", true},
};

const Movable* find_rule(const NodeImpl& op) {
  const auto* rule = std::find_if(std::begin(kMovables), std::end(kMovables),
                                  [&](const Movable& m) { return is(op, m.op); });
  return rule == std::end(kMovables) ? nullptr : rule;
}

bool keeps_order_of_window(const Ints& window, const Ints& perm) {
  std::int64_t last = -1;
  for (std::int64_t d : perm) {
    if (window[static_cast<std::size_t>(d)] == 1) continue;
    if (d < last) return false;
    last = d;
  }
  return true;
}

Attrs moved_reverse(const NodeImpl& op, const Ints& perm) {
  const Ints place = inverse(perm);
  Ints dims;
  for (std::int64_t d : ints(op, "dims")) dims.push_back(place[static_cast<std::size_t>(d)]);
  std::sort(dims.begin(), dims.end());
  return {{"dims", dims}};
}

}  // namespace

std::optional<Attrs> moved_attrs(const NodeImpl& op, const Ints& perm) {
  if (op.op->cls == OpClass::Elementwise) return op.attrs;
  if (is(op, "reverse")) return moved_reverse(op, perm);
  const Movable* rule = find_rule(op);
  if (!rule) return std::nullopt;
  if (rule->offsets && !keeps_order_of_window(ints(op, "window"), perm)) return std::nullopt;
  Attrs attrs = op.attrs;
  for (std::string_view key : rule->per_dim) {
    if (!key.empty()) attrs.set(key, permuted(ints(op, key), perm));
  }
  if (!rule->axis.empty()) {
    const auto axis = static_cast<std::size_t>(op.attrs.integer(rule->axis));
    attrs.set(rule->axis, inverse(perm)[axis]);
  }
  return attrs;
}

bool is_movable(const NodeImpl& op) {
  return op.op->cls == OpClass::Elementwise || is(op, "reverse") || find_rule(op);
}

}  // namespace lilith::passes
