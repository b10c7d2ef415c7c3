#include "codegen/opencl/dialect.h"

namespace lilith::codegen::opencl {
namespace {

constexpr const char* kHead = R"(
#pragma OPENCL FP_CONTRACT OFF
#define FN
typedef char i8;
typedef uchar u8;
typedef short i16;
typedef ushort u16;
typedef int i32;
typedef uint u32;
typedef long i64;
typedef ulong u64;
typedef float f32;
FN u32 bits_f32(f32 x) { return as_uint(x); }
FN f32 f32_bits(u32 x) { return as_float(x); }
FN f32 fma_f32(f32 a, f32 b, f32 c) { return fma(a, b, c); }
FN f32 floor_f32(f32 x) { return floor(x); }
FN f32 ceil_f32(f32 x) { return ceil(x); }
FN f32 trunc_f32(f32 x) { return trunc(x); }
FN f32 rint_f32(f32 x) { return rint(x); }
FN f32 abs_f32(f32 x) { return fabs(x); }
FN f32 rem_f32(f32 a, f32 b) { return fmod(a, b); }
#ifdef LILITH_DIVIDE_IN_F64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
FN f32 div_f32(f32 a, f32 b) { return (f32)((double)a / (double)b); }
FN f32 sqrt_f32(f32 x) { return (f32)sqrt((double)x); }
#else
FN f32 div_f32(f32 a, f32 b) { return a / b; }
FN f32 sqrt_f32(f32 x) { return sqrt(x); }
#endif
FN u8 u8_of_f32(f32 x) { return x != x ? 0 : convert_uchar_sat(x); }
FN i8 i8_of_f32(f32 x) { return x != x ? 0 : convert_char_sat(x); }
FN i16 i16_of_f32(f32 x) { return x != x ? 0 : convert_short_sat(x); }
FN i32 i32_of_f32(f32 x) { return x != x ? 0 : convert_int_sat(x); }
FN i64 i64_of_f32(f32 x) { return x != x ? 0 : convert_long_sat(x); }
FN u32 mulhi_u32(u32 a, u32 b) { return mul_hi(a, b); }
FN u64 mulhi_u64(u64 a, u64 b) { return mul_hi(a, b); }
FN i32 popcount_u32(u32 x) { return (i32)popcount(x); }
FN i32 popcount_u64(u64 x) { return (i32)popcount(x); }
FN f32 load_f16(const global u16* p, i64 i) { return vload_half(i, (const global half*)p); }
FN void store_f16(global u16* p, i64 i, f32 x) { vstore_half_rte(x, i, (global half*)p); }
#define load2(to, from) vstore2(vload2(0, from), 0, to)
#define load4(to, from) vstore4(vload4(0, from), 0, to)
#define store2(to, from) vstore2(vload2(0, from), 0, to)
#define store4(to, from) vstore4(vload4(0, from), 0, to)
)";

constexpr const char* kHeadF64 = R"(
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double f64;
FN u64 bits_f64(f64 x) { return as_ulong(x); }
FN f64 f64_bits(u64 x) { return as_double(x); }
FN f64 div_f64(f64 a, f64 b) { return a / b; }
FN f64 sqrt_f64(f64 x) { return sqrt(x); }
FN u8 u8_of_f64(f64 x) { return x != x ? 0 : convert_uchar_sat(x); }
FN i8 i8_of_f64(f64 x) { return x != x ? 0 : convert_char_sat(x); }
FN i16 i16_of_f64(f64 x) { return x != x ? 0 : convert_short_sat(x); }
FN i32 i32_of_f64(f64 x) { return x != x ? 0 : convert_int_sat(x); }
FN i64 i64_of_f64(f64 x) { return x != x ? 0 : convert_long_sat(x); }
)";

}  // namespace

const c::Dialect kDialect = {
    .kernel = "kernel void",
    .global = "global ",
    .item = "get_global_id(0)",
    .grid_kernel = "kernel __attribute__((reqd_work_group_size({}, 1, 1))) void",
    .group = "get_group_id(0)",
    .thread = "get_local_id(0)",
    .local = "local ",
    .barrier = "barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);",
    .warp = 1,
    .head = kHead,
    .head_f64 = kHeadF64,
    .head_mma = nullptr,
};

}  // namespace lilith::codegen::opencl
