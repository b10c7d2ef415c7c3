#pragma once
#include <cstdint>
#include <vector>

#include "lilith/kernel_ir.h"
#include "schedule/target.h"

// Products of narrow numbers, several steps of the sum at a time, as instructions of AVX-512 have
// them: two of bf16 (vdpbf16ps, sums of F32), four of u8 with i8 (vpdpbusd, sums of I32). The steps
// are packed into an I32: of bf16 the first in its upper half, of bytes the first in its lowest.
namespace lilith::schedule {

/// Steps of the sum that one of them adds, for operands of these dtypes; 0: none does.
std::int64_t packed_steps(DType a, DType b);
/// Cycles of a vector of such sums, where an FMA's are 0.5; 0 where the target has no instruction
/// for them.
double packed_cycles(const Target& target, DType a, DType b);

/// The steps of one operand, F32 that bf16 holds or U8 or I8, in an I32.
kir::Expr pack_steps(const std::vector<kir::Expr>& elements);
/// sum plus the products of the steps, in the order of the plain sum:
///   F32: fma(second of a, second of b, fma(first of a, first of b, sum))
///   I32: sum + u[0] i[0] + u[1] i[1] + u[2] i[2] + u[3] i[3]
/// `a_dtype`: of the packed elements. The code generator knows these forms.
kir::Expr add_packed(kir::Expr a, kir::Expr b, kir::Expr sum, DType a_dtype);

}  // namespace lilith::schedule
