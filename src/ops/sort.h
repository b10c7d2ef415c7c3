#pragma once
#include <cstdint>

#include "lilith/tensor.h"

namespace lilith::ops {

/// Where the elements of ranks [first, first + count) of each row stand, from the smallest (or
/// largest) on: i64 [..., count] of x [..., n]. Equal elements in their order, NaN above all.
Tensor make_argsort(const Tensor& x, std::int64_t first, std::int64_t count, bool descending);
/// How many elements of each ascending row lie below a value, or not above it (right): sorted [n],
/// or [..., n] beside values [..., m] -> i64 of values' shape.
Tensor make_searchsorted(const Tensor& sorted, const Tensor& values, bool right);
/// The place along dim of the largest (smallest) element so far, of equals the last.
Tensor running_place(const Tensor& x, int dim, bool largest);

}  // namespace lilith::ops
