#pragma once
#include "lilith/kernel_ir.h"

// What Pool::make does before it makes a node. Each function returns the simplified expression, or
// null when no rule of its applies.
namespace lilith::kir {

struct Interval {
  std::int64_t lo = INT64_MIN, hi = INT64_MAX;
};
/// Bounds of a node from those of its arguments; integers and Bool alone.
Interval infer_bounds(const ExprNode& node);

/// Sets in_f16 and in_bf16 of a float from its arguments; Load's come from its memory.
void infer_half(ExprNode* node);

/// Rules of I64 arithmetic: canonical sums, floor division and modulus, comparisons by intervals.
Expr simplify_index(Pool& pool, Op op, const std::vector<Expr>& args);
/// Rules of all other arithmetic: identities that are exact.
Expr simplify_scalar(Pool& pool, Op op, DType dtype, const std::vector<Expr>& args);
/// Rules of Bool: and, or, not, xor; comparisons are left to the two above.
Expr simplify_bool(Pool& pool, Op op, const std::vector<Expr>& args);
Expr simplify_select(Pool& pool, DType dtype, const std::vector<Expr>& args);
Expr simplify_cast(Pool& pool, DType dtype, Expr x);

/// The node as given, only consed: for rules whose result is already simple.
Expr raw(Pool& pool, Op op, DType dtype, std::vector<Expr> args);

}  // namespace lilith::kir
