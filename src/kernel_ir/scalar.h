#pragma once
#include <cstdint>

#include "core/compute_dtype.h"
#include "lilith/kernel_ir.h"

// The meaning of every scalar operation on one value: constant folding, evaluate() and interpret()
// share it.
namespace lilith::kir {

/// A value of any dtype: integers and Bool in `i` (sign- or zero-extended), floats in `f`.
struct Value {
  std::int64_t i = 0;
  double f = 0;
};

/// `v` wrapped into an integer dtype's range.
std::int64_t wrap(std::int64_t v, DType dtype);
/// Bits of a scalar of this dtype; Bool counts as 1.
int bit_width(DType dtype);
/// The smallest and largest value of an integer dtype (Bool: 0 and 1).
std::int64_t min_value(DType dtype);
std::int64_t max_value(DType dtype);
/// Floor division and modulus of int64, total: x / 0 = 0, x % 0 = x, INT64_MIN / -1 wraps.
std::int64_t floor_div_value(std::int64_t a, std::int64_t b);
std::int64_t floor_mod_value(std::int64_t a, std::int64_t b);

/// `op` applied to operands of dtype `operand` (Select: of the result's dtype, args[0] Bool).
Value apply(Op op, DType result, DType operand, const Value* args);
/// What adds a product to a sum of a dtype: MulAdd, of integers Fma.
inline Op sum_op(DType dtype) { return is_floating(dtype) ? Op::MulAdd : Op::Fma; }
/// How often MulAdd rounds: once on targets with an instruction for it.
enum class MulAddRounds : std::uint8_t { once, twice };
/// apply(Op::MulAdd), where the target rounds so.
Value multiply_add(DType dtype, const Value* args, MulAddRounds rounds);
/// Whether every target computes the same MulAdd of these.
bool rounds_alike(DType dtype, const Value* args);
/// The operation that combines two values.
Op operation_of(Combine how);
/// What changes no value that it is combined with, in any bit: -0.0 for sums of floats.
Value neutral(Combine how, DType dtype);
/// A value changed to another dtype: integers wrap, floats round, float to int saturates.
Value convert(Value v, DType from, DType to);

}  // namespace lilith::kir
