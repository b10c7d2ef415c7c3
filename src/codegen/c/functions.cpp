#include "codegen/c/dialect.h"

// Total integer arithmetic, minima and maxima, halves: what C has no operator for.
namespace lilith::codegen::c {

const char* const kFunctions = R"(
FN i32 add_i32(i32 a, i32 b) { return (i32)((u32)a + (u32)b); }
FN i32 sub_i32(i32 a, i32 b) { return (i32)((u32)a - (u32)b); }
FN i32 mul_i32(i32 a, i32 b) { return (i32)((u32)a * (u32)b); }
FN i32 min_i32(i32 a, i32 b) { return a < b ? a : b; }
FN i32 max_i32(i32 a, i32 b) { return a > b ? a : b; }
FN i32 abs_i32(i32 a) { return a < 0 ? (i32)(0u - (u32)a) : a; }
FN i32 div_i32(i32 a, i32 b) { return b == 0 ? 0 : b == -1 ? (i32)(0u - (u32)a) : a / b; }
FN i32 rem_i32(i32 a, i32 b) { return b == 0 ? a : b == -1 ? 0 : a % b; }
FN i32 floor_div_i32(i32 a, i32 b) {
  const i32 r = rem_i32(a, b);
  return div_i32(a, b) - (b != 0 && r != 0 && (a < 0) != (b < 0) ? 1 : 0);
}
FN i32 floor_mod_i32(i32 a, i32 b) {
  const i32 r = rem_i32(a, b);
  return b != 0 && r != 0 && (a < 0) != (b < 0) ? r + b : r;
}
FN i64 add_i64(i64 a, i64 b) { return (i64)((u64)a + (u64)b); }
FN i64 sub_i64(i64 a, i64 b) { return (i64)((u64)a - (u64)b); }
FN i64 mul_i64(i64 a, i64 b) { return (i64)((u64)a * (u64)b); }
FN i64 min_i64(i64 a, i64 b) { return a < b ? a : b; }
FN i64 max_i64(i64 a, i64 b) { return a > b ? a : b; }
FN i64 abs_i64(i64 a) { return a < 0 ? (i64)(0u - (u64)a) : a; }
FN i64 div_i64(i64 a, i64 b) { return b == 0 ? 0 : b == -1 ? (i64)(0u - (u64)a) : a / b; }
FN i64 rem_i64(i64 a, i64 b) { return b == 0 ? a : b == -1 ? 0 : a % b; }
FN i64 floor_div_i64(i64 a, i64 b) {
  const i64 r = rem_i64(a, b);
  return div_i64(a, b) - (b != 0 && r != 0 && (a < 0) != (b < 0) ? 1 : 0);
}
FN i64 floor_mod_i64(i64 a, i64 b) {
  const i64 r = rem_i64(a, b);
  return b != 0 && r != 0 && (a < 0) != (b < 0) ? r + b : r;
}
FN u32 shl_u32(u32 a, i32 n, i32 width) { return n >= 0 && n < width ? a << n : 0; }
FN u32 shr_u32(u32 a, i32 n, i32 width) { return n >= 0 && n < width ? a >> n : 0; }
FN i32 shr_i32(i32 a, i32 n, i32 width) { return a >> (n >= 0 && n < width ? n : 31); }
FN u64 shl_u64(u64 a, i64 n) { return n >= 0 && n < 64 ? a << n : 0; }
FN u64 shr_u64(u64 a, i64 n) { return n >= 0 && n < 64 ? a >> n : 0; }
FN i64 shr_i64(i64 a, i64 n) { return a >> (n >= 0 && n < 64 ? n : 63); }
FN i32 ctz_u32(u32 a) { return popcount_u32(~a & (a - 1u)); }
FN i32 ctz_u64(u64 a) { return popcount_u64(~a & (a - 1u)); }
FN f32 min_f32(f32 a, f32 b) {
  return a == b ? f32_bits(bits_f32(a) | bits_f32(b)) : (a < b || a != a) ? a : b;
}
FN f32 max_f32(f32 a, f32 b) {
  return a == b ? f32_bits(bits_f32(a) & bits_f32(b)) : (a > b || a != a) ? a : b;
}
FN f32 below_f32(f32 a, f32 limit) { return (a < limit || a != a) ? a : limit; }
FN f32 above_f32(f32 a, f32 limit) { return (a > limit || a != a) ? a : limit; }
FN f32 f32_of_bf16(u16 h) { return f32_bits((u32)h << 16); }
FN u16 bf16_of_f32(f32 x) {
  const u32 u = bits_f32(x);
  return (u16)((x != x ? u | 0x400000u : u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
FN f32 f32_of_f16(u16 h) {
  const u32 sign = ((u32)h & 0x8000u) << 16, a = (u32)h & 0x7fffu;
  const u32 normal = (a << 13) + (a < 0x7c00u ? 0x38000000u : 0x70000000u);
  return f32_bits(sign | (a < 0x400u ? bits_f32((f32)a * 0x1p-24f) : normal));
}
FN u16 f16_of_f32(f32 x) {
  const u32 u = bits_f32(x), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return (u16)(sign | 0x7e00u | (a >> 13 & 0x3ffu));
  if (a >= 0x47800000u) return (u16)(sign | 0x7c00u);
  if (a < 0x38800000u) return (u16)(sign | (bits_f32(f32_bits(a) + 0.5f) - 0x3f000000u));
  return (u16)(sign | ((a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13));
}
FN f32 round_f16_f32(f32 x) { return f32_of_f16(f16_of_f32(x)); }
FN f32 round_bf16_f32(f32 x) { return f32_of_bf16(bf16_of_f32(x)); }
)";

// A f64 is rounded to odd on its way to f32, so that rounding twice is rounding once.
const char* const kFunctionsF64 = R"(
FN f64 fma_f64(f64 a, f64 b, f64 c) { return fma(a, b, c); }
FN f64 floor_f64(f64 x) { return floor(x); }
FN f64 ceil_f64(f64 x) { return ceil(x); }
FN f64 trunc_f64(f64 x) { return trunc(x); }
FN f64 rint_f64(f64 x) { return rint(x); }
FN f64 abs_f64(f64 x) { return fabs(x); }
FN f64 rem_f64(f64 a, f64 b) { return fmod(a, b); }
FN f64 min_f64(f64 a, f64 b) {
  return a == b ? f64_bits(bits_f64(a) | bits_f64(b)) : (a < b || a != a) ? a : b;
}
FN f64 max_f64(f64 a, f64 b) {
  return a == b ? f64_bits(bits_f64(a) & bits_f64(b)) : (a > b || a != a) ? a : b;
}
FN f64 below_f64(f64 a, f64 limit) { return (a < limit || a != a) ? a : limit; }
FN f64 above_f64(f64 a, f64 limit) { return (a > limit || a != a) ? a : limit; }
FN f32 odd_of_f64(f64 x) {
  const f32 f = (f32)x;
  const f64 back = (f64)f;
  if (!(back < x || back > x)) return f;
  return f32_bits((bits_f32(f) - (abs_f64(back) > abs_f64(x) ? 1u : 0u)) | 1u);
}
FN f64 round_f16_f64(f64 x) { return (f64)round_f16_f32(odd_of_f64(x)); }
FN f64 round_bf16_f64(f64 x) { return (f64)round_bf16_f32(odd_of_f64(x)); }
)";

}  // namespace lilith::codegen::c
