#pragma once
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

// What every public function does to its operands before it adds nodes.
namespace lilith::ops {

/// A dimension in [0, rank); 0-d tensors take -1 and 0 as PyTorch does. Error when out of range.
int wrap_dim(std::string_view op, std::int64_t dim, int rank);
/// Several, each once, in the order given; all of them when the list is empty.
std::vector<std::int64_t> wrap_dims(std::string_view op, const IntList& dims, int rank);
/// An entry per dimension of a window: the list itself, or its one value `n` times.
std::vector<std::int64_t> per_dim(std::string_view op, std::string_view what, const IntList& list,
                                  int n);

/// PyTorch's result_type of operands: tensors with dimensions rank over 0-d ones, those over
/// numbers.
DType result_type(std::initializer_list<const Arg*> args);
/// The floating dtype of an operation on x: x's own, or f32 for integers and bools.
inline DType floating_type(DType d) { return is_floating(d) ? d : DType::F32; }
/// The operand as a floating tensor.
Tensor floating(const Arg& x);

/// The shape that shapes broadcast to. Error that names the two sizes which do not fit.
Shape broadcast_shapes(std::string_view op, std::span<const Tensor> tensors);
/// x repeated to `shape` (numpy's rule); x itself when it has that shape.
Tensor broadcast_last(const Tensor& x, const Shape& shape);

struct Operands {
  Tensor a, b;
};
/// Both operands in `dtype` and of one shape.
Operands broadcast_operands(std::string_view op, const Arg& a, const Arg& b, DType dtype);
std::vector<Tensor> broadcast_all(std::string_view op, const std::vector<Tensor>& tensors);

/// The number of an Arg where it is a weak scalar or a constant node.
std::optional<double> constant_value(const Arg& x);

/// "f32[2,3]" of an operand, or the number.
std::string describe(const Arg& x);
/// The ints in `axes` removed from 0 … rank - 1.
std::vector<std::int64_t> other_dims(int rank, std::span<const std::int64_t> axes);
std::vector<std::int64_t> range(std::int64_t n);
std::vector<std::int64_t> inverse_permutation(std::span<const std::int64_t> perm);

}  // namespace lilith::ops
