#pragma once
#include "lilith/kernel_ir.h"
#include "schedule/target.h"

// Products of bf16 in pairs, two steps of the sum at a time: what AVX512-BF16 does in one
// instruction. A pair is an I32 whose upper half is the first step's bf16.
namespace lilith::schedule {

/// Cycles of a vector of such sums, where an FMA's are 0.5; 0 where the target has no instruction
/// for them.
double pair_cycles(const Target& target);

/// The pair of two values that a bf16 holds.
kir::Expr make_pair(kir::Expr first, kir::Expr second);
/// fma(second of a, second of b, fma(first of a, first of b, sum)): the order of the plain sum. The
/// code generator knows this form.
kir::Expr add_pair(kir::Expr a, kir::Expr b, kir::Expr sum);

}  // namespace lilith::schedule
