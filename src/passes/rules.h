#pragma once
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/node.h"
#include "ir/numbered.h"
#include "lilith/graph_names.h"

// What passes are written with: looking at nodes and building new ones.
namespace lilith::passes {

using Ints = std::vector<std::int64_t>;

/// What a node is replaced by; an undefined tensor where the rule does not fit.
using Rule = Tensor (*)(ir::NodeImpl& node);
/// Rules by the name of the op at the root, tried in order.
using NamedRules = std::unordered_map<std::string_view, std::vector<Rule>>;
using Rules = std::unordered_map<const OpDef*, std::vector<Rule>>;
Rules by_op(const NamedRules& rules);

/// Applies the rules bottom-up, at each node until none fits.
Graph apply_rules(const ir::Numbered& g, const Rules& rules);

inline bool is(const ir::NodeImpl& node, std::string_view op) { return node.op->name == op; }
inline bool is(const Tensor& t, std::string_view op) { return is(*t.node(), op); }
inline bool is_constant(const ir::NodeImpl& node) { return node.op == &ir::constant_op(); }
inline Tensor in(const ir::NodeImpl& node, int i) { return node.input(i); }
/// To be looked at alone: no handle is made.
inline const ir::NodeImpl& operand(const ir::NodeImpl& node, std::size_t i) {
  return *node.inputs[i];
}
inline const Ints& ints(const ir::NodeImpl& node, std::string_view key) {
  return node.attrs.ints(key);
}

/// The number that a constant is filled with, as its dtype holds it.
std::optional<double> constant_value(const ir::NodeImpl& node);
inline std::optional<double> constant_value(const Tensor& t) { return constant_value(*t.node()); }
inline bool is_constant(const ir::NodeImpl& node, double value) {
  const auto v = constant_value(node);
  return v && *v == value;
}
/// The constant that every element of a node repeats; null where there is none.
const ir::NodeImpl* repeated_constant(const ir::NodeImpl* node);
/// Whether every element is the constant 0.
bool is_zero(const ir::NodeImpl* node);
/// A constant of an aval.
Tensor constant(double value, const Aval& aval);
/// The same constant in another shape.
Tensor constant_like(const ir::NodeImpl& constant, const Aval& aval);

// Builders that make nothing when there is nothing to do.
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor transpose(const Tensor& x, const Ints& perm);
bool is_identity(const Ints& perm);
/// The permutation that undoes `perm`.
Ints inverse(const Ints& perm);
/// transpose(transpose(x, first), second) == transpose(x, compose(first, second)).
Ints compose(const Ints& first, const Ints& second);
/// A list with one entry per dimension, moved as transpose(perm) moves dimensions: out[i] =
/// list[perm[i]].
Ints permuted(const Ints& list, const Ints& perm);

}  // namespace lilith::passes
