#include "ops/indices.h"

#include <algorithm>

#include "ops/operand.h"
#include "ops/primitives.h"

namespace lilith::ops {

using I = std::int64_t;

Tensor from_end(const Tensor& index, I size) {
  const Tensor i = make_cast(index, DType::I64);
  return make_select(compare("lt", i, 0), shift(i, static_cast<double>(size)), i);
}

// A step past the end takes the first element alone, however long it is.
SliceRange::SliceRange(I start, I end, I step_, I size)
    : from(std::clamp<I>(from_end(start, size), 0, size)),
      to(std::max(std::clamp<I>(from_end(end, size), 0, size), from)),
      step(std::min(step_, std::max<I>(size, 1))) {}

Tensor rows_named(const Tensor& index, I rows) {
  const Tensor none = make_full({rows}, 0, DType::I64, index.device());
  return compare("gt", make_scatter_add(none, 0, index, full_as(index, 1)), 0);
}

}  // namespace lilith::ops
