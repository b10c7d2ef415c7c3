#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "lilith/dtype.h"
#include "lilith/precision.h"

namespace lilith::schedule {

/// The instruction sets that code is made for. Baseline is x86-64-v2 (SSE4.2).
enum class Isa : std::uint8_t { Baseline, Avx2, Avx512 };

/// What kernels for a GPU may count on.
struct GpuTarget {
  static constexpr int kLeastThreads = 32;
  int threads = 256;                     // of a block
  std::int64_t shared_bytes = 32 << 10;  // of a block
  int units = 1;                         // that run blocks at the same time
  /// An arena up to this size has a place of its own for each buffer: launches then wait for values
  /// alone, not for memory.
  std::size_t spread_bytes = std::size_t{256} << 20;
  bool mma = false;  // a warp multiplies tiles (kir::Mma)
};

/// What kernels are made for: what the schedule may count on, and what the code generator has to
/// know. `codegen::target` fills it in.
struct Target {
  Isa isa = Isa::Baseline;
  int vector_bytes = 16;
  int vector_registers = 16;
  int threads = 1;                                       // of the team
  std::int64_t l1_bytes = 32 << 10, l2_bytes = 1 << 20;  // caches of one core
  bool native = false;                // the best this CPU can do: code may be tuned for it
  bool slow_gather = false;           // gathers and scatters take longer than one access a lane
  std::optional<GpuTarget> gpu = {};  // kernels of blocks of threads, where there are ways for them
  Precision precision = Precision::high;  // that products of f32 are asked for
  std::string cpu;  // ISA, vendor, family and model: part of the key of every code cache

  bool has_fma() const { return isa != Isa::Baseline; }
  /// Elements of a vector; those narrower than 4 bytes are computed in 4.
  int lanes(DType dtype) const {
    return vector_bytes / static_cast<int>(size_of(dtype) < 4 ? 4 : size_of(dtype));
  }
};

}  // namespace lilith::schedule
