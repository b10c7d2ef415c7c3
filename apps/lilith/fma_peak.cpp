#include "fma_peak.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lilith::cli {
namespace {

// More chains than latency times ports of any processor (4 x 2), fewer than half the registers.
constexpr int kChains = 12;

// Runs `rounds` FMAs on each chain; returns the flops done. `sink` keeps the result alive.
using Loop = double (*)(long rounds, float& sink);

#if defined(__x86_64__)
__attribute__((target("avx512f"))) double loop_avx512(long rounds, float& sink) {
  __m512 acc[kChains];
  for (int i = 0; i < kChains; ++i) acc[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.5f);
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) acc[i] = _mm512_fmadd_ps(acc[i], a, b);
  }
  alignas(64) float lanes[16];
  for (int i = 0; i < kChains; ++i) {
    _mm512_store_ps(lanes, acc[i]);
    sink += lanes[0];
  }
  return static_cast<double>(rounds) * kChains * 16 * 2;
}

__attribute__((target("avx2,fma"))) double loop_avx2(long rounds, float& sink) {
  __m256 acc[kChains];
  for (int i = 0; i < kChains; ++i) acc[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.5f);
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) acc[i] = _mm256_fmadd_ps(acc[i], a, b);
  }
  alignas(32) float lanes[8];
  for (int i = 0; i < kChains; ++i) {
    _mm256_store_ps(lanes, acc[i]);
    sink += lanes[0];
  }
  return static_cast<double>(rounds) * kChains * 8 * 2;
}
#endif

// Vectors of four, for whatever processor: it has them or the compiler takes them apart.
double loop_generic(long rounds, float& sink) {
  typedef float Vec __attribute__((vector_size(16)));
  Vec acc[kChains];
  for (int i = 0; i < kChains; ++i) acc[i] = Vec{} + static_cast<float>(i);
  const Vec a = Vec{} + 0.999f, b = Vec{} + 0.5f;
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) acc[i] = acc[i] * a + b;
  }
  for (int i = 0; i < kChains; ++i) sink += acc[i][0];
  return static_cast<double>(rounds) * kChains * 4 * 2;
}

Loop best_loop() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return loop_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return loop_avx2;
#endif
  return loop_generic;
}

}  // namespace

double fma_peak_gflops(int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr int kTrials = 12;
  constexpr long kRounds = 2'000'000;  // some milliseconds
  const Loop loop = best_loop();
  std::vector<double> seconds(static_cast<std::size_t>(threads));
  double best = 0;
  std::atomic<float> keep{0};
  double flops = 0;
  // All threads start a trial together; the slowest one counts.
  std::barrier start(threads);
  std::barrier end(threads, [&]() noexcept {
    best =
        std::max(best, flops * threads / *std::max_element(seconds.begin(), seconds.end()) * 1e-9);
  });
  const auto work = [&](std::size_t id) {
    float sink = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      start.arrive_and_wait();
      const auto begin = Clock::now();
      const double done = loop(kRounds, sink);
      seconds[id] = std::chrono::duration<double>(Clock::now() - begin).count();
      if (id == 0) flops = done;
      end.arrive_and_wait();
    }
    keep.store(sink, std::memory_order_relaxed);
  };
  std::vector<std::thread> team;
  for (int i = 1; i < threads; ++i) team.emplace_back(work, static_cast<std::size_t>(i));
  work(0);
  for (auto& t : team) t.join();
  return best;
}

}  // namespace lilith::cli
