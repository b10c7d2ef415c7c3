#pragma once
#include <span>
#include <string>

#include "lilith/kernel_ir.h"

// One operation of kernel IR as an expression of C: with operators where those mean the same, else
// as a call of a function of dialect.h. What is known of integers decides.
namespace lilith::codegen::c {

/// The text of an operand: a name, a call, a cast, or something in parentheses.
struct Operand {
  std::string text;
  bool in_i32 = false;  // an I64 that an i32 holds
  kir::Expr expr = {};  // null: a register, of which nothing is known
};

/// Arithmetic, rounding, bits. `in_i32`: the result is an I64 that an i32 holds.
std::string arithmetic(kir::Op op, DType dtype, bool in_i32, std::span<const Operand> args);
/// Comparison of operands of that dtype: a bool.
std::string comparison(kir::Op op, DType operand, std::span<const Operand> args);
std::string conversion(DType from, DType to, bool in_i32, const Operand& x);
std::string reinterpretation(DType from, DType to, const Operand& x);

}  // namespace lilith::codegen::c
