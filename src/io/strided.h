#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace lilith::io {

/// Elements of a view over bytes; offset and strides count elements of `width` bytes.
struct StridedView {
  std::span<const std::uint8_t> bytes;
  std::uint64_t offset = 0;
  std::vector<std::uint64_t> sizes, strides;
  std::uint64_t width = 1;
  bool big_endian = false;

  std::uint64_t count() const;
  /// Whether every element lies in the bytes; sizes and strides may be anything, but as many.
  bool is_inside() const;
  /// Whether the elements lie row-major without gaps.
  bool is_dense() const;
  /// The elements row-major and little-endian, into count() * width bytes. Needs is_inside().
  void gather(void* to) const;
};

/// The strides of a dense array, column-major when `fortran`.
std::vector<std::uint64_t> dense_strides(const std::vector<std::uint64_t>& sizes, bool fortran);

}  // namespace lilith::io
