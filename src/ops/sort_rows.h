#pragma once
#include <cstdint>

#include "lilith/dtype.h"

// Orders of rows, by all threads of a team. Where several elements are equal the first comes first,
// whatever the number of threads; NaN is above everything, and -0 equals 0.
namespace lilith::ops {

/// Which ranks of each row are asked for, from the smallest (or largest) on.
struct RowOrder {
  std::int64_t rows, n;       // n < 2^32
  std::int64_t first, count;  // ranks
  bool descending;
};

/// A thread's part of a team that runs one function.
struct TeamPart {
  int thread = 0, num_threads = 1;
  void (*barrier)() = nullptr;  // where there are several
  void meet() const {
    if (num_threads > 1) barrier();
  }
};

/// Bytes that order_rows needs beside its operands, whatever the number of threads.
std::int64_t order_scratch_bytes(const RowOrder& order, DType dtype);

/// out [rows, count] = where the elements of those ranks stand in their rows of in [rows, n]. All
/// threads of the team call it with the same operands. scratch is 64-byte aligned.
void order_rows(const RowOrder& order, DType dtype, const void* in, std::int64_t* out,
                void* scratch, const TeamPart& part);

}  // namespace lilith::ops
