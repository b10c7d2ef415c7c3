#pragma once
#include <cstdint>

#include "lilith/dtype.h"

namespace lilith::schedule {

/// What the schedule knows of the target. Nothing above this asks which device it is for.
struct Target {
  int vector_bytes = 64;
  int vector_registers = 32;
  int threads = 1;
  std::int64_t l1_bytes = 32 << 10, l2_bytes = 1 << 20;
  int lanes(DType dtype) const {
    return vector_bytes / static_cast<int>(size_of(dtype) < 4 ? 4 : size_of(dtype));
  }
};

}  // namespace lilith::schedule
