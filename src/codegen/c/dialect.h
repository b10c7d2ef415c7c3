#pragma once

// Kernel IR is printed as C once for all languages that are nearly C. What differs between them is
// this table: a few words, and a head of text that gives the rest one name.
namespace lilith::codegen::c {

struct Dialect {
  const char* kernel;  // before the name of a kernel: "kernel void"
  const char* global;  // before the type of what a pointer to a buffer points to: "global "
  const char* item;    // the number of the work item, an expression
  // Kernels for a GPU.
  const char* grid_kernel;  // before their names; {}: the work items of a group
  const char* group;        // the number of the group, an expression
  const char* thread;       // that of the work item in its group
  const char* local;        // before an array that the group shares
  const char* barrier;      // a statement: the group meets, and sees what its items have stored
  int warp;                 // neighbours that read each other's registers (shuffle); 1: none do
  /// Text that defines, with the meaning of kernel_ir.h:
  ///   FN                 what stands before a function
  ///   bool, i8 … i64, u8 … u64, f32
  ///   bits_f32(f32) -> u32, f32_bits(u32) -> f32
  ///   fma_f32, sqrt_f32, floor_f32, ceil_f32, trunc_f32, rint_f32, abs_f32, rem_f32, div_f32
  ///   i8_of_f32 … i64_of_f32, u8_of_f32: saturate, NaN gives 0
  ///   mulhi_u32, mulhi_u64, popcount_u32, popcount_u64
  ///   load_f16(pointer, index), store_f16(pointer, index, f32): of u16 in a buffer
  ///   load2, load4(array, pointer), store2, store4(pointer, array): that many elements of any type
  ///   shuffle_i32, shuffle_i64, shuffle_f32 (x, i32 by): x of the item whose number in the warp
  ///     differs in the bit `by`; all items of the group call it. Where there are warps
  const char* head;
  /// The same for f64 (bits of u64): for kernels that need it.
  const char* head_f64;
  /// The same for kernels that have a kir::Mma: mma_tf32, mma_f16 and mma_bf16 (array [mi][ni][4],
  /// a, across, along, b, across, along), where a and b point to words: u32, each an f32 or two
  /// neighbours of a row. Null: each item computes its own elements, in a loop.
  const char* head_mma;
};

/// Functions that the printed text calls, written with the names above.
extern const char* const kFunctions;
extern const char* const kFunctionsF64;

}  // namespace lilith::codegen::c
