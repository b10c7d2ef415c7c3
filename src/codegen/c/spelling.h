#pragma once
#include <string>

#include "kernel_ir/scalar.h"

// How the printed text writes types, constants and names.
namespace lilith::codegen::c {

/// An I64 whose values, and one more, fit into 32 bits: an i32 holds it.
bool fits_i32(kir::Expr x);
/// "f32", "i64", "bool": the type that values of a dtype have in registers.
std::string type_name(DType dtype);
/// That of an expression's value: i32 for an I64 that fits.
std::string type_of(kir::Expr x);
/// That of an element in memory. Floats are stored as bits: buffers of one width may overlap.
std::string memory_type(DType dtype);
/// A constant, exactly.
std::string literal(kir::Expr x);
std::string literal(const kir::Value& v, DType dtype);
std::string integer(std::int64_t v, bool wide);

inline std::string var_name(std::int64_t id) { return "x" + std::to_string(id); }
inline std::string reg_name(std::int64_t id) { return "r" + std::to_string(id); }
inline std::string buffer_name(std::int64_t id) { return "b" + std::to_string(id); }

}  // namespace lilith::codegen::c
