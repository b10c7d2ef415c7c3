#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "lilith/op_def.h"
#include "lilith/tensor.h"

// One node each, or none where the op would change nothing. Operands are as the primitive wants
// them: equal shapes and dtypes, dimensions not negative. Rules and composites are written with
// these.
namespace lilith::ops {

using Ints = std::vector<std::int64_t>;

/// A tensor like x filled with a baked number.
Tensor full_as(const Tensor& x, double value);
Tensor make_full(const Shape& shape, double value, DType dtype, Device device);
/// The same with a whole number, exact beyond 2^53 too.
Tensor integer_as(const Tensor& x, std::int64_t value);
/// What a maximum and a minimum start from: infinities, or the least and the largest integer.
Tensor lowest_as(const Tensor& x);
Tensor highest_as(const Tensor& x);
/// x * c and x + c with a baked c.
Tensor scale(const Tensor& x, double c);
Tensor shift(const Tensor& x, double c);

Tensor make_cast(const Tensor& x, DType dtype);
Tensor make_select(const Tensor& cond, const Tensor& a, const Tensor& b);
/// a where cond, else 0: the form in which rules say that a gradient is zero.
Tensor masked(const Tensor& cond, const Tensor& a);
/// Compares x with a baked number: op is eq, ne, lt, le, gt or ge.
Tensor compare(std::string_view op, const Tensor& x, double value);

Tensor make_reshape(const Tensor& x, const Shape& shape);
Tensor make_broadcast(const Tensor& x, const Shape& shape, const Ints& dims);
Tensor make_transpose(const Tensor& x, const Ints& perm);
Tensor make_slice(const Tensor& x, const Ints& start, const Ints& limit, const Ints& stride);
/// Indices [start, limit) of one dimension.
Tensor slice_dim(const Tensor& x, int dim, std::int64_t start, std::int64_t limit,
                 std::int64_t step = 1);
Tensor make_pad(const Tensor& x, const Ints& lo, const Ints& hi, const Ints& interior,
                double value);
/// Pads one dimension with zeros.
Tensor pad_dim(const Tensor& x, int dim, std::int64_t lo, std::int64_t hi);
Tensor make_reverse(const Tensor& x, const Ints& dims);
Tensor make_concat(const std::vector<Tensor>& tensors, int dim);
/// 0, 1, … along dim.
Tensor make_iota(const Shape& shape, int dim, DType dtype, Device device);
Tensor make_gather(const Tensor& x, int axis, const Tensor& index);
Tensor make_scatter_add(const Tensor& base, int axis, const Tensor& index, const Tensor& src);
/// op: scatter_add, scatter_max, scatter_min, scatter_mul, or scatter, which replaces.
Tensor make_scatter(std::string_view op, const Tensor& base, int axis, const Tensor& index,
                    const Tensor& src);

/// softmax over the last dimension, but 0 for a row that is -inf throughout (all masked out), with
/// the gradient 0: what attention does, as PyTorch since 2.5.
Tensor masked_softmax(const Tensor& scores);

/// The value of `value` with the gradient of `slope`, where that is finite.
Tensor straight_through(const Tensor& value, const Tensor& slope);

/// sqrt(x), with the slope 0 where x is 0, as PyTorch has it for norms and deviations.
Tensor sqrt_flat_at_zero(const Tensor& x);

/// reduce_sum, reduce_max, reduce_min, reduce_prod, argmax, argmin; the axes go away.
Tensor make_reduce(std::string_view op, const Tensor& x, Ints axes);
/// The same with the reduced dimensions kept as 1.
Tensor make_reduce_keep(std::string_view op, const Tensor& x, const Ints& axes);
/// x, which lacks the axes, repeated along them to `shape`.
Tensor broadcast_over(const Tensor& x, const Shape& shape, const Ints& axes);
Shape without(const Shape& shape, const Ints& axes);

}  // namespace lilith::ops
