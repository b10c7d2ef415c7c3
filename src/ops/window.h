#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "ops/primitives.h"

namespace lilith::ops {

/// A window over every dimension of a tensor: output element o covers the elements
/// o * stride + k * dilation - lo for k in [0, window), as far as they exist. `hi` decides with lo
/// how many windows there are; lo and hi may be negative (elements that no window sees).
struct Window {
  Ints size, stride, lo, hi, dilation;

  static Window of(const Attrs& attrs);
  Attrs attrs() const;
  std::int64_t volume() const;
  /// The windows that fit along dimension d of extent n; < 0 where the padded extent is too small.
  std::int64_t count(std::size_t d, std::int64_t n) const;
};

/// reduce_window_sum, reduce_window_max, window_argmax.
Tensor make_window(std::string_view op, const Tensor& x, const Window& w);
/// Writes ct at the offsets inside each window; zeros elsewhere; overlaps add up.
Tensor make_unpool(const Tensor& ct, const Tensor& offsets, const Window& w, const Shape& shape);
/// Zeros of `shape` with the values added up at their indices, row-major numbers among the last n
/// dimensions. values and indices (integers): any sizes behind shape's other dimensions.
Tensor scatter_in_planes(const Tensor& values, const Tensor& indices, const Shape& shape, int n);
/// The element of each window at the offset; 0 where it lies outside.
Tensor make_window_gather(const Tensor& x, const Tensor& offsets, const Window& w);

}  // namespace lilith::ops
