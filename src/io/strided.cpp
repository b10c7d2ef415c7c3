#include "io/strided.h"

#include <algorithm>
#include <cstring>

namespace lilith::io {

namespace {

void copy_row(const std::uint8_t* from, std::uint64_t step, std::uint64_t n, std::uint64_t width,
              bool swap, std::uint8_t* to) {
  if (step == width && !swap) {
    std::memcpy(to, from, n * width);
    return;
  }
  for (std::uint64_t i = 0; i < n; ++i, from += step, to += width) {
    if (swap)
      std::reverse_copy(from, from + width, to);
    else if (width == 4)  // the sizes that weights have, for the compiler to see
      std::memcpy(to, from, 4);
    else if (width == 2)
      std::memcpy(to, from, 2);
    else
      std::memcpy(to, from, width);
  }
}

}  // namespace

std::uint64_t StridedView::count() const {
  std::uint64_t n = 1;
  for (const std::uint64_t size : sizes) n *= size;
  return n;
}

bool StridedView::is_inside() const {
  if (sizes.size() != strides.size()) return false;
  if (std::find(sizes.begin(), sizes.end(), 0u) != sizes.end()) return true;
  std::uint64_t last = offset;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    std::uint64_t span = 0;
    if (__builtin_mul_overflow(strides[d], sizes[d] - 1, &span) ||
        __builtin_add_overflow(last, span, &last))
      return false;
  }
  return last < bytes.size() / width;
}

bool StridedView::is_dense() const {
  std::uint64_t expected = 1;
  for (std::size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] == 0) return true;
    if (sizes[d] > 1 && strides[d] != expected) return false;
    expected *= sizes[d];
  }
  return true;
}

void StridedView::gather(void* to) const {
  auto* out = static_cast<std::uint8_t*>(to);
  const std::uint64_t n = count();
  if (n == 0) return;
  const bool swap = big_endian && width > 1;
  const std::size_t rank = sizes.size();
  const std::uint64_t row = rank > 0 ? sizes[rank - 1] : 1;
  const std::uint64_t step = rank > 0 ? strides[rank - 1] * width : width;
  std::vector<std::uint64_t> index(rank, 0);
  const std::uint8_t* at = bytes.data() + offset * width;
  for (std::uint64_t done = 0; done < n; done += row, out += row * width) {
    copy_row(at, step, row, width, swap, out);
    for (std::size_t d = rank > 0 ? rank - 1 : 0; d-- > 0;) {
      at += strides[d] * width;
      if (++index[d] < sizes[d]) break;
      at -= strides[d] * width * sizes[d];
      index[d] = 0;
    }
  }
}

std::vector<std::uint64_t> dense_strides(const std::vector<std::uint64_t>& sizes, bool fortran) {
  std::vector<std::uint64_t> out(sizes.size());
  std::uint64_t step = 1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::size_t d = fortran ? i : sizes.size() - 1 - i;
    out[d] = step;
    step *= sizes[d];
  }
  return out;
}

}  // namespace lilith::io
