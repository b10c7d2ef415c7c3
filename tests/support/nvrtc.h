#pragma once
#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/usage.h"

/// Skips a test, aloud, on a machine without CUDA's compiler.
#define NEEDS_NVRTC                                        \
  if (!::lilith::runtime::cuda::why_no_compiler().empty()) \
  GTEST_SKIP() << "SKIPPED: no text can be compiled: " << ::lilith::runtime::cuda::why_no_compiler()

namespace lilith::testing {

/// Products of tensor cores (HMMA) among the instructions of a cubin, from sm_70 on: those of 16
/// bytes that begin with its number.
inline int tensor_instructions(const std::string& cubin) {
  constexpr std::uint64_t kNumber = 0xfff, kHmma = 0x23c;
  Elf64_Ehdr file;
  std::memcpy(&file, cubin.data(), sizeof file);
  int found = 0;
  for (int n = 0; n < file.e_shnum; ++n) {
    Elf64_Shdr section;
    std::memcpy(&section,
                cubin.data() + file.e_shoff + static_cast<std::size_t>(n) * file.e_shentsize,
                sizeof section);
    if (section.sh_type != SHT_PROGBITS || (section.sh_flags & SHF_EXECINSTR) == 0) continue;
    for (std::size_t at = 0; at + 16 <= section.sh_size; at += 16) {
      std::uint64_t word = 0;
      std::memcpy(&word, cubin.data() + section.sh_offset + at, sizeof word);
      found += (word & kNumber) == kHmma;
    }
  }
  return found;
}

}  // namespace lilith::testing
