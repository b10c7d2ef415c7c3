#pragma once

// Kernel IR is printed as C once for all languages that are nearly C. What differs between them is
// this table: a few words, and a head of text that gives the rest one name.
namespace lilith::codegen::c {

struct Dialect {
  const char* kernel;  // before the name of a kernel: "kernel void"
  const char* global;  // before the type of what a pointer to a buffer points to: "global "
  const char* item;    // the number of the work item, an expression
  /// Text that defines, with the meaning of kernel_ir.h:
  ///   FN                 what stands before a function
  ///   bool, i8 … i64, u8 … u64, f32
  ///   bits_f32(f32) -> u32, f32_bits(u32) -> f32
  ///   fma_f32, sqrt_f32, floor_f32, ceil_f32, trunc_f32, rint_f32, abs_f32, rem_f32, div_f32
  ///   i8_of_f32 … i64_of_f32, u8_of_f32: saturate, NaN gives 0
  ///   mulhi_u32, mulhi_u64, popcount_u32, popcount_u64
  ///   load_f16(pointer, index), store_f16(pointer, index, f32): of u16 in a buffer
  const char* head;
  /// The same for f64 (bits of u64): for kernels that need it.
  const char* head_f64;
};

/// Functions that the printed text calls, written with the names above.
extern const char* const kFunctions;
extern const char* const kFunctionsF64;

}  // namespace lilith::codegen::c
