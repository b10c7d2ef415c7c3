#pragma once
#include <functional>

#include "kernel_ir/kernel.h"

// Proofs about indices: two runs through the loops of a kernel that touch one element agree in some
// of their variables.
namespace lilith::kir {

/// An index, and conditions that hold where it is used.
struct Place {
  Expr index;
  std::vector<Expr> conditions;
};

/// True when it is proved: where one run is at `a`, another at `b` and both indices are equal, the
/// runs have equal values of all of `wanted`. `is_common` says which leaves of expressions (Var,
/// Load, RegRead) have one value in both runs; all others are independent within their bounds.
///
/// How: a difference of sums is 0. Where the terms with small coefficients stay below the common
/// divisor of the others, both parts are 0 by themselves, as digits of a number are: so single
/// terms k * x - k * x' are found, x is equal, and from x / n and x % n the x that they were made
/// of.
bool equal_index_means_equal(const Place& a, const Place& b, const std::vector<Expr>& wanted,
                             const std::function<bool(Expr)>& is_common);

/// x has a Load or a RegRead.
bool depends_on_data(Expr x);

}  // namespace lilith::kir
