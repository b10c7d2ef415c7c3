#pragma once
#include <optional>

#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

namespace lilith::ops {

/// The product over several dimensions, all of them without a list.
Tensor product(const char* op, const Tensor& x, const IntList& dims, bool keepdim,
               std::optional<DType> dtype);

}  // namespace lilith::ops
