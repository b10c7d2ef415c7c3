#include "core/dot_instructions.h"

#include <cpuid.h>

namespace lilith {

bool has_bf16_dot() {
  constexpr unsigned kBf16 = 1u << 5;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kBf16) != 0;
}

bool has_int8_dot() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & bit_AVX512VNNI) != 0;
}

}  // namespace lilith
