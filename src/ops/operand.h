#pragma once
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
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
/// Whether x of shape `from` can be repeated to `to`.
bool broadcasts_into(const Shape& from, const Shape& to);
/// x repeated to `shape` (numpy's rule); x itself when it has that shape.
Tensor broadcast_last(const Tensor& x, const Shape& shape);

struct Operands {
  Tensor a, b;
};
/// Both operands in `dtype`, of one shape and on one device.
Operands broadcast_operands(std::string_view op, const Arg& a, const Arg& b, DType dtype);
std::vector<Tensor> broadcast_all(std::string_view op, std::vector<Tensor> tensors);

/// What makes two shapes one where that is certain: ": a.squeeze(1) or b.unsqueeze(1)", with the
/// names given; else "".
std::string shape_cure(std::string_view a_name, const Shape& a, std::string_view b_name,
                       const Shape& b);
/// What makes a target one of class numbers for scores [N, C, ...] or [C], where that is certain:
/// ": target.squeeze(1)"; else "".
std::string class_cure(const Shape& scores, const Aval& target);
/// Of scores [N, 1], whose largest is always the first.
inline constexpr char kOneClass[] =
    "one class is always right; need a score for each, of one probability p: cat({1 - p, p}, 1)";
/// Error unless both have one shape: what is scored and what it is scored by never broadcast, since
/// [N, 1] against [N] would pair all with all.
void check_one_shape(std::string_view op, std::string_view a_name, const Arg& a,
                     std::string_view b_name, const Arg& b);
/// x repeated to `shape`; Error where it would make `shape` larger. For weights.
Tensor broadcast_into(std::string_view op, std::string_view name, const Tensor& x,
                      const Shape& shape);

/// The number of an Arg where it is a weak scalar or a constant node.
std::optional<double> constant_value(const Arg& x);
/// The same where it is a whole number by its kind, with all its bits.
std::optional<std::int64_t> constant_integer(const Arg& x);

/// "f32[2,3]" of an operand, or the number.
std::string describe(const Arg& x);
/// The ints in `axes` removed from 0 … rank - 1.
std::vector<std::int64_t> other_dims(int rank, std::span<const std::int64_t> axes);
std::vector<std::int64_t> range(std::int64_t n);
std::vector<std::int64_t> inverse_permutation(std::span<const std::int64_t> perm);

}  // namespace lilith::ops
