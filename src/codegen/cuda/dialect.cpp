#include "codegen/cuda/dialect.h"

namespace lilith::codegen::cuda {
namespace {

constexpr const char* kHead = R"(
#define FN static __device__ __forceinline__
typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;
typedef float f32;
FN u32 bits_f32(f32 x) { return __float_as_uint(x); }
FN f32 f32_bits(u32 x) { return __uint_as_float(x); }
FN f32 fma_f32(f32 a, f32 b, f32 c) { return fmaf(a, b, c); }
FN f32 sqrt_f32(f32 x) { return __fsqrt_rn(x); }
FN f32 floor_f32(f32 x) { return floorf(x); }
FN f32 ceil_f32(f32 x) { return ceilf(x); }
FN f32 trunc_f32(f32 x) { return truncf(x); }
FN f32 rint_f32(f32 x) { return rintf(x); }
FN f32 abs_f32(f32 x) { return fabsf(x); }
FN f32 rem_f32(f32 a, f32 b) { return fmodf(a, b); }
FN f32 div_f32(f32 a, f32 b) { return __fdiv_rn(a, b); }
FN i32 i32_of_f32(f32 x) { return x != x ? 0 : __float2int_rz(x); }
FN i64 i64_of_f32(f32 x) { return x != x ? 0 : __float2ll_rz(x); }
FN i32 clamp_i32(i32 x, i32 lo, i32 hi) { return x < lo ? lo : x > hi ? hi : x; }
FN u8 u8_of_f32(f32 x) { return (u8)clamp_i32(i32_of_f32(x), 0, 255); }
FN i8 i8_of_f32(f32 x) { return (i8)clamp_i32(i32_of_f32(x), -128, 127); }
FN i16 i16_of_f32(f32 x) { return (i16)clamp_i32(i32_of_f32(x), -32768, 32767); }
FN u32 mulhi_u32(u32 a, u32 b) { return __umulhi(a, b); }
FN u64 mulhi_u64(u64 a, u64 b) { return __umul64hi(a, b); }
FN i32 popcount_u32(u32 x) { return __popc(x); }
FN i32 popcount_u64(u64 x) { return __popcll(x); }
FN f32 load_f16(const u16* p, i64 i) {
  f32 x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(p[i]));
  return x;
}
FN void store_f16(u16* p, i64 i, f32 x) {
  u16 h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
  p[i] = h;
}
template <class T> struct alignas(2 * sizeof(T)) Pair { T x, y; };
template <class T> struct alignas(4 * sizeof(T)) Quad { T x, y, z, w; };
template <class T> FN void load2(T* to, const T* from) {
  const Pair<T> v = *(const Pair<T>*)from;
  to[0] = v.x, to[1] = v.y;
}
template <class T> FN void load4(T* to, const T* from) {
  const Quad<T> v = *(const Quad<T>*)from;
  to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
}
template <class T> FN void store2(T* to, const T* from) {
  *(Pair<T>*)to = Pair<T>{from[0], from[1]};
}
template <class T> FN void store4(T* to, const T* from) {
  *(Quad<T>*)to = Quad<T>{from[0], from[1], from[2], from[3]};
}
FN i32 shuffle_i32(i32 x, i32 by) { return __shfl_xor_sync(0xffffffffu, x, by); }
FN i64 shuffle_i64(i64 x, i32 by) { return __shfl_xor_sync(0xffffffffu, x, by); }
FN f32 shuffle_f32(f32 x, i32 by) { return __shfl_xor_sync(0xffffffffu, x, by); }
)";

constexpr const char* kHeadF64 = R"(
typedef double f64;
FN u64 bits_f64(f64 x) { return (u64)__double_as_longlong(x); }
FN f64 f64_bits(u64 x) { return __longlong_as_double((i64)x); }
FN f64 sqrt_f64(f64 x) { return __dsqrt_rn(x); }
FN f64 div_f64(f64 a, f64 b) { return __ddiv_rn(a, b); }
FN i32 i32_of_f64(f64 x) { return x != x ? 0 : __double2int_rz(x); }
FN i64 i64_of_f64(f64 x) { return x != x ? 0 : __double2ll_rz(x); }
FN u8 u8_of_f64(f64 x) { return (u8)clamp_i32(i32_of_f64(x), 0, 255); }
FN i8 i8_of_f64(f64 x) { return (i8)clamp_i32(i32_of_f64(x), -128, 127); }
FN i16 i16_of_f64(f64 x) { return (i16)clamp_i32(i32_of_f64(x), -32768, 32767); }
FN f64 shuffle_f64(f64 x, i32 by) { return __shfl_xor_sync(0xffffffffu, x, by); }
)";

// Both instructions have words alike: of a, row lane / 4 + 8 (r % 2), word lane % 4 + 4 (r / 2) of
// the sum; of b, the same word for r, column lane / 4.
constexpr const char* kHeadMma = R"(
struct Tf32 {
  FN void add(f32* d, const u32* a, const u32* b) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
};
struct F16 {
  FN void add(f32* d, const u32* a, const u32* b) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
};
struct Bf16 {
  FN void add(f32* d, const u32* a, const u32* b) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
};
template <class Unit, int M, int N>
FN void mma(f32 (&acc)[M][N][4], const u32* a, i32 a_across, i32 a_along, const u32* b,
            i32 b_across, i32 b_along) {
  const i32 line = threadIdx.x % 32 / 4, word = threadIdx.x % 4;
  u32 y[N][2];
#pragma unroll
  for (i32 j = 0; j < N; ++j)
#pragma unroll
    for (i32 r = 0; r < 2; ++r)
      y[j][r] = b[(8 * j + line) * b_across + (word + 4 * r) * b_along];
#pragma unroll
  for (i32 i = 0; i < M; ++i) {
    u32 x[4];
#pragma unroll
    for (i32 r = 0; r < 4; ++r)
      x[r] = a[(16 * i + line + 8 * (r % 2)) * a_across + (word + 4 * (r / 2)) * a_along];
#pragma unroll
    for (i32 j = 0; j < N; ++j) Unit::add(acc[i][j], x, y[j]);
  }
}
#define mma_tf32 mma<Tf32>
#define mma_f16 mma<F16>
#define mma_bf16 mma<Bf16>
)";

}  // namespace

const c::Dialect kDialect = {
    .kernel = "extern \"C\" __global__ void",
    .global = "",
    .item = "((i64)blockIdx.x * blockDim.x + threadIdx.x)",
    .grid_kernel = "extern \"C\" __global__ void __launch_bounds__({})",
    .group = "blockIdx.x",
    .thread = "threadIdx.x",
    .local = "__shared__ __attribute__((aligned(16))) ",
    .barrier = "__syncthreads();",
    .warp = 32,
    .head = kHead,
    .head_f64 = kHeadF64,
    .head_mma = kHeadMma,
};

}  // namespace lilith::codegen::cuda
