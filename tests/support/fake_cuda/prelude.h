// What CUDA C++ has built in, for a compiler of the host: included before each text. It stands
// alone.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "runtime.h"

static const FakeRuntime* fake_runtime;

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("fake_shared")))
#define threadIdx (*fake_runtime->thread)
#define blockIdx (*fake_runtime->block)
#define blockDim (*fake_runtime->block_dim)
#define __syncthreads() fake_runtime->sync_threads()

// ---- How the driver calls a text ----

extern "C" char __start_fake_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_fake_shared[] __attribute__((weak, visibility("hidden")));
extern "C" void fake_bind(const FakeRuntime* runtime) { fake_runtime = runtime; }
extern "C" void fake_shared_memory(char** begin, char** end) {
  *begin = __start_fake_shared;
  *end = __stop_fake_shared;
}
template <class T>
struct FakeArg {
  static T get(const void* p) { return *static_cast<const T*>(p); }
};
template <class T>
struct FakeArg<T*> {
  static T* get(const void* p) {
    return (T*)fake_runtime->pointer(*static_cast<const void* const*>(p));
  }
};

// ---- Functions ----

template <class To, class From>
static inline To fake_bits(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To out;
  std::memcpy(&out, &x, sizeof out);
  return out;
}
template <class I, class F>
static inline I fake_to_int(F x, I lo, I hi) {
  if (x != x) return 0;
  const F bound = -(F)lo;  // 2^31, 2^63
  return x >= bound ? hi : x < -bound ? lo : (I)x;
}
static inline unsigned __float_as_uint(float x) { return fake_bits<unsigned>(x); }
static inline float __uint_as_float(unsigned x) { return fake_bits<float>(x); }
static inline long long __double_as_longlong(double x) { return fake_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return fake_bits<double>(x); }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline double __dsqrt_rn(double x) { return sqrt(x); }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline int __float2int_rz(float x) { return fake_to_int<int>(x, INT32_MIN, INT32_MAX); }
static inline int __double2int_rz(double x) { return fake_to_int<int>(x, INT32_MIN, INT32_MAX); }
static inline long long __float2ll_rz(float x) {
  return fake_to_int<long long>(x, INT64_MIN, INT64_MAX);
}
static inline long long __double2ll_rz(double x) {
  return fake_to_int<long long>(x, INT64_MIN, INT64_MAX);
}
static inline unsigned __umulhi(unsigned a, unsigned b) {
  return (unsigned)(((unsigned long long)a * b) >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }

template <class T>
static inline T fake_from_lane(T x, int lane) {
  T out;
  fake_runtime->exchange(&x, &out, sizeof x, lane);
  return out;
}
template <class T>
static inline T __shfl_xor_sync(unsigned, T x, int by) {
  return fake_from_lane(x, (int)(threadIdx.x % 32) ^ by);
}

// ---- Instructions of PTX: asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(y)) calls ptx_cvt_f32_f16(x,
// y)

static inline void ptx_cvt_f32_f16(float& to, unsigned short x) {
  to = (float)fake_bits<_Float16>(x);
}
// A warp's product: registers of 16x8 sums, of words of a and b, each one TF32 or two halves. What
// a lane holds is as the PTX manual has it ("Matrix Fragments for mma.m16n8k8", "… m16n8k16").
template <class F>
static inline void fake_mma(float* const (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                            F add_words) {
  const int lane = (int)(threadIdx.x % 32), group = lane / 4, in_group = lane % 4;
  for (int word = 0; word < 8; ++word) {
    const int half = word / 4, of = word % 4;
    const unsigned x[2] = {fake_from_lane(a[2 * half], 4 * group + of),
                           fake_from_lane(a[2 * half + 1], 4 * group + of)};
    const unsigned y[2] = {fake_from_lane(b[half], 4 * (2 * in_group) + of),
                           fake_from_lane(b[half], 4 * (2 * in_group + 1) + of)};
    for (int r = 0; r < 4; ++r) *d[r] = add_words(x[r / 2], y[r % 2], *d[r]);
  }
}
#define FAKE_MMA(name, add_words)                                                               \
  static inline void name(float& d0, float& d1, float& d2, float& d3, unsigned a0, unsigned a1, \
                          unsigned a2, unsigned a3, unsigned b0, unsigned b1) {                 \
    fake_mma({&d0, &d1, &d2, &d3}, {a0, a1, a2, a3}, {b0, b1}, add_words);                      \
  }
static inline float fake_tf32(unsigned x) { return fake_bits<float>(x & 0xffffe000u); }
static inline float fake_f16(unsigned x) { return (float)fake_bits<_Float16>((unsigned short)x); }
static inline float fake_bf16(unsigned x) { return fake_bits<float>(x << 16); }
FAKE_MMA(ptx_mma_sync_aligned_m16n8k8_row_col_f32_tf32_tf32_f32,
         [](unsigned x, unsigned y, float d) { return fmaf(fake_tf32(x), fake_tf32(y), d); })
FAKE_MMA(ptx_mma_sync_aligned_m16n8k16_row_col_f32_f16_f16_f32,
         [](unsigned x, unsigned y, float d) {
           return fmaf(fake_f16(x >> 16), fake_f16(y >> 16), fmaf(fake_f16(x), fake_f16(y), d));
         })
FAKE_MMA(ptx_mma_sync_aligned_m16n8k16_row_col_f32_bf16_bf16_f32,
         [](unsigned x, unsigned y, float d) {
           return fmaf(fake_bf16(x >> 16), fake_bf16(y >> 16), fmaf(fake_bf16(x), fake_bf16(y), d));
         })

static inline void ptx_cvt_rn_f16_f32(unsigned short& to, float x) {
  to = fake_bits<unsigned short>((_Float16)x);
}
