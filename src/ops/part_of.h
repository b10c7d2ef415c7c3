#pragma once
#include <cstdint>
#include <vector>

#include "lilith/tensor.h"

namespace lilith::ops {

/// Elements of a dimension, start to limit, every step-th. Of a value in the host's memory, where
/// they follow each other, that memory itself: the part is a value already, whose place no program
/// needs to know, and keeps all of it alive; cotangents flow through it. Else, and inside of a
/// trace, a slice.
Tensor part_of(const Tensor& x, int dim, std::int64_t start, std::int64_t limit,
               std::int64_t step = 1);

/// The parts one behind the other along a dimension. Many small ones that lie in the host's memory,
/// or are reshaped from what does, are copied at once: the whole is a value already, and no program
/// knows how many there were (an episode's states); cotangents flow through it, so what is reshaped
/// (as by `stack`) stays held. Else, and inside of a trace, a concatenation.
Tensor joined(const std::vector<Tensor>& parts, int dim);

/// x with x[items] = values; see Tensor::index_put.
Tensor put_at(const Arg& x, const std::vector<TensorIndex>& items, const Arg& values,
              bool accumulate);

}  // namespace lilith::ops
