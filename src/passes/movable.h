#pragma once
#include <optional>

#include "passes/rules.h"

namespace lilith::passes {

/// The attrs of an op that gives the transposed result for transposed operands:
/// transpose(op(x, y){attrs}, perm) == op(transpose(x, perm), transpose(y, perm)){moved}.
/// Nothing for ops that do not commute with transposes.
std::optional<Attrs> moved_attrs(const ir::NodeImpl& op, const Ints& perm);

/// True for ops that moved_attrs knows, whatever the permutation.
bool is_movable(const ir::NodeImpl& op);

}  // namespace lilith::passes
