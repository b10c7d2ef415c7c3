#pragma once
#include <cstdint>

#include "lilith/tensor.h"

// Indices as users give them.
namespace lilith::ops {

/// A negative index counts from the end.
inline std::int64_t from_end(std::int64_t index, std::int64_t size) {
  return index < 0 ? index + size : index;
}
/// The same for each of a tensor's; i64.
Tensor from_end(const Tensor& index, std::int64_t size);

/// start:end:step of a dimension, clamped to it as in Python.
struct SliceRange {
  SliceRange(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t size);
  std::int64_t from, to, step;
  std::int64_t count() const { return (to - from + step - 1) / step; }
};

/// Which rows are among the indices: i64 [n], each in [0, rows) -> bool [rows].
Tensor rows_named(const Tensor& index, std::int64_t rows);

}  // namespace lilith::ops
