#include <cpuid.h>
#include <unistd.h>

#include <utility>

#include "codegen/codegen.h"
#include "core/env.h"
#include "lilith/error.h"

namespace lilith::codegen {
namespace {

struct CpuFacts {
  bool sse42 = false, avx2 = false, avx512 = false;
  std::string vendor;
  unsigned family = 0, model = 0;
};

/// Which register files the operating system saves (XCR0).
std::uint64_t enabled_state() {
  std::uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

void read_name(CpuFacts& facts) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0, &a, &b, &c, &d) == 0) return;
  for (unsigned word : {b, d, c}) {
    for (int byte = 0; byte < 4; ++byte) facts.vendor += static_cast<char>(word >> (8 * byte));
  }
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return;
  facts.family = (a >> 8) & 15;
  if (facts.family == 15) facts.family += (a >> 20) & 255;
  facts.model = ((a >> 4) & 15) | ((a >> 12) & 0xF0);
}

CpuFacts read_cpu() {
  CpuFacts facts;
  read_name(facts);
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return facts;
  const bool fma = (c & bit_FMA) != 0, f16c = (c & bit_F16C) != 0;
  facts.sse42 = (c & bit_SSE4_2) != 0 && (c & bit_POPCNT) != 0;
  const std::uint64_t saved = (c & bit_OSXSAVE) != 0 ? enabled_state() : 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return facts;
  const bool bmi = (b & bit_BMI) != 0 && (b & bit_BMI2) != 0;
  facts.avx2 = (b & bit_AVX2) != 0 && fma && f16c && bmi && (saved & 0x6) == 0x6;
  const unsigned wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL | bit_AVX512CD;
  facts.avx512 = facts.avx2 && (b & wanted) == wanted && (saved & 0xE6) == 0xE6;
  return facts;
}

const CpuFacts& cpu() {
  static const CpuFacts facts = read_cpu();
  return facts;
}

const char* isa_name(Isa isa) {
  return isa == Isa::Avx512 ? "avx512" : isa == Isa::Avx2 ? "avx2" : "baseline";
}

Isa best_isa() { return cpu().avx512 ? Isa::Avx512 : cpu().avx2 ? Isa::Avx2 : Isa::Baseline; }

Target choose_target() {
  const std::string& asked = env::text("LILITH_CPU");
  if (asked.empty()) return target_for(best_isa());
  for (Isa isa : {Isa::Baseline, Isa::Avx2, Isa::Avx512}) {
    if (asked != isa_name(isa)) continue;
    LILITH_CHECK(can_run(isa), "LILITH_CPU: this CPU has no {}; its best is {}", asked,
                 isa_name(best_isa()));
    return target_for(isa);
  }
  fail("LILITH_CPU: got '{}'; the rule: avx512, avx2 or baseline", asked);
}

}  // namespace

bool can_run(Isa isa) {
  return isa == Isa::Avx512 ? cpu().avx512 : isa == Isa::Avx2 ? cpu().avx2 : cpu().sse42;
}

std::string cpu_features() {
  std::string out;
  for (const auto& [leaf, sub] : {std::pair{1u, 0u}, {7u, 0u}, {7u, 1u}, {0x80000001u, 0u}}) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    __get_cpuid_count(leaf, sub, &a, &b, &c, &d);
    if (leaf == 1) b = 0;                             // the number of the processor that asks
    if (leaf == 1 || leaf == 0x80000001u) a &= ~15u;  // the stepping
    out += fmt::format("{:08x}{:08x}{:08x}{:08x}", a, b, c, d);
  }
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool has_state = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_OSXSAVE) != 0;
  return out + fmt::format("{:x}", has_state ? enabled_state() : 0);
}

namespace {

// What the C library found out of a cache, where it did and that is no fancy of a virtual machine.
std::int64_t cache_bytes(int which, std::int64_t least, std::int64_t most, std::int64_t otherwise) {
  const std::int64_t bytes = sysconf(which);
  return bytes >= least && bytes <= most ? bytes : otherwise;
}

}  // namespace

Target target_for(Isa isa) {
  Target info;
  info.l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 8 << 10, 1 << 20, info.l1_bytes);
  info.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 128 << 10, 16 << 20, info.l2_bytes);
  info.isa = isa;
  info.vector_bytes = isa == Isa::Avx512 ? 64 : isa == Isa::Avx2 ? 32 : 16;
  info.vector_registers = isa == Isa::Avx512 ? 32 : 16;
  info.native = isa == best_isa() && isa != Isa::Baseline;
  info.slow_gather = isa != Isa::Avx512 || cpu().vendor == "AuthenticAMD";
  info.cpu = fmt::format("{}-{}-{}-{}", isa_name(isa), cpu().vendor, cpu().family, cpu().model);
  return info;
}

const Target& target() {
  static const auto* info = new Target(choose_target());  // lives through static destruction
  return *info;
}

}  // namespace lilith::codegen
