#include "core/dot_instructions.h"

#include <cpuid.h>

namespace lilith {

namespace {

// Register c or a of leaf 7; 0 where there is none. A virtual machine traps at the question.
unsigned features(unsigned sub, unsigned (*of)(unsigned a, unsigned c)) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, sub, &a, &b, &c, &d) != 0 ? of(a, c) : 0;
}

}  // namespace

bool has_bf16_dot() {
  constexpr unsigned kBf16 = 1u << 5;
  static const bool has = (features(1, [](unsigned a, unsigned) { return a; }) & kBf16) != 0;
  return has;
}

bool has_int8_dot() {
  static const bool has =
      (features(0, [](unsigned, unsigned c) { return c; }) & bit_AVX512VNNI) != 0;
  return has;
}

}  // namespace lilith
