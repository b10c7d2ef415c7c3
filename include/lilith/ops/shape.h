#pragma once
#include <initializer_list>
#include <optional>
#include <vector>

#include "lilith/detail/choice.h"
#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

namespace lilith {

/// The same elements under another shape; one size may be -1. Errors: the numbers of elements
/// differ.
Tensor reshape(const Arg& x, const Shape& shape);
Tensor view(const Arg& x, const Shape& shape);
Tensor reshape_as(const Arg& x, const Tensor& other);
Tensor view_as(const Arg& x, const Tensor& other);
Tensor ravel(const Arg& x);
Tensor flatten(const Arg& x, Dim start_dim = 0, Dim end_dim = -1);
/// Dimension `dim` as several; one of the sizes may be -1.
Tensor unflatten(const Arg& x, Dim dim, const Shape& sizes);
/// Without the dimensions of size 1; with `dim`, that one alone (kept when its size is not 1).
Tensor squeeze(const Arg& x);
Tensor squeeze(const Arg& x, const IntList& dim);
/// A new dimension of size 1 at `dim`.
Tensor unsqueeze(const Arg& x, Dim dim);
Tensor atleast_1d(const Arg& x);
Tensor atleast_2d(const Arg& x);
Tensor atleast_3d(const Arg& x);

/// x read with its dimensions of size 1, and new ones in front, repeated; -1 keeps a size.
Tensor expand(const Arg& x, const Shape& shape);
Tensor expand_as(const Arg& x, const Tensor& other);
Tensor broadcast_to(const Arg& x, const Shape& shape);
std::vector<Tensor> broadcast_tensors(const std::vector<Tensor>& tensors,
                                      SourceLocation loc = SourceLocation::current());
template <std::derived_from<Tensor>... T>
  requires(sizeof...(T) > 0)
detail::Several<Tensor, 1 + sizeof...(T)> broadcast_tensors(const Arg& a, const T&... others) {
  const LocScope scope(a.loc());
  return {broadcast_tensors(std::vector<Tensor>{a.tensor(), others...}), "broadcast_tensors"};
}
/// The adjoint of broadcasting: sums x down to `shape`.
Tensor sum_to_size(const Arg& x, const Shape& shape);

/// Swaps two dimensions.
Tensor transpose(const Arg& x, Dim dim0, Dim dim1);
Tensor swapaxes(const Arg& x, Dim dim0, Dim dim1);
/// The transpose of a matrix; 0-d and 1-d tensors as they are. Errors: more than two dimensions.
Tensor t(const Arg& x);
/// Output dimension i is input dimension dims[i].
Tensor permute(const Arg& x, const IntList& dims);
Tensor movedim(const Arg& x, const IntList& source, const IntList& destination);
/// The elements in reverse order along `dims`.
Tensor flip(const Arg& x, const IntList& dims);
Tensor fliplr(const Arg& x);
Tensor flipud(const Arg& x);
/// Shifts cyclically; without dims, in the flattened order.
Tensor roll(const Arg& x, const IntList& shifts, const IntList& dims = {});
Tensor rot90(const Arg& x, Int k = 1, const IntList& dims = {0, 1});

/// Indices [start, end) of `dim` in steps; start and end may be negative and are clamped, as in
/// Python.
Tensor slice(const Arg& x, Dim dim, Int start = 0, Int end = INT64_MAX, Int step = 1);
/// `length` indices of `dim` from `start`. Errors: out of range.
Tensor narrow(const Arg& x, Dim dim, Int start, Int length);
/// Index `index` of `dim`, which goes away.
Tensor select(const Arg& x, Dim dim, Int index);
std::vector<Tensor> unbind(const Arg& x, Dim dim = 0);
/// Pieces of split_size indices, the last may be smaller; or of the given sizes.
std::vector<Tensor> split(const Arg& x, Int split_size, Dim dim = 0);
std::vector<Tensor> split(const Arg& x, const std::vector<std::int64_t>& sizes, Dim dim = 0);
template <class T, std::size_t N>
  requires std::integral<detail::Plain<T>>
detail::Several<Tensor, N> split(const Arg& x, const T (&sizes)[N], Dim dim = 0) {
  static_assert(detail::is_a_number<T>,
                "lilith: a bool stands where a dimension, a size or a count is due and would be "
                "read as 0 or 1");
  return {split(x, std::vector<std::int64_t>(sizes, sizes + N), dim), "split"};
}
std::vector<Tensor> split_with_sizes(const Arg& x, const std::vector<std::int64_t>& sizes,
                                     Dim dim = 0);
std::vector<Tensor> chunk(const Arg& x, Int chunks, Dim dim = 0);
/// The parts as structured bindings: auto [q, k, v] = chunk<3>(x, -1). Error for another number.
template <std::size_t N>
detail::Several<Tensor, N> chunk(const Arg& x, Dim dim = 0) {
  return {chunk(x, static_cast<std::int64_t>(N), dim), "chunk"};
}
template <std::size_t N>
detail::Several<Tensor, N> unbind(const Arg& x, Dim dim = 0) {
  return {unbind(x, dim), "unbind"};
}
template <std::size_t N>
detail::Several<Tensor, N> split(const Arg& x, Int split_size, Dim dim = 0) {
  return {split(x, split_size, dim), "split"};
}
std::vector<Tensor> tensor_split(const Arg& x, Int sections, Dim dim = 0);
std::vector<Tensor> tensor_split(const Arg& x, const std::vector<std::int64_t>& indices,
                                 Dim dim = 0);
std::vector<Tensor> tensor_split(const Arg& x, std::initializer_list<Int> indices, Dim dim = 0);
std::vector<Tensor> hsplit(const Arg& x, const IntList& sections_or_indices);
std::vector<Tensor> vsplit(const Arg& x, const IntList& sections_or_indices);
std::vector<Tensor> dsplit(const Arg& x, const IntList& sections_or_indices);

/// Joins along an existing dimension; dtypes promote. Errors: other sizes differ, no tensors.
Tensor cat(const std::vector<Tensor>& tensors, Dim dim = 0,
           SourceLocation loc = SourceLocation::current());
/// Joins along a new dimension.
Tensor stack(const std::vector<Tensor>& tensors, Dim dim = 0,
             SourceLocation loc = SourceLocation::current());
Tensor hstack(const std::vector<Tensor>& tensors, SourceLocation loc = SourceLocation::current());
Tensor vstack(const std::vector<Tensor>& tensors, SourceLocation loc = SourceLocation::current());
Tensor dstack(const std::vector<Tensor>& tensors, SourceLocation loc = SourceLocation::current());
Tensor column_stack(const std::vector<Tensor>& tensors,
                    SourceLocation loc = SourceLocation::current());
Tensor block_diag(const std::vector<Tensor>& tensors,
                  SourceLocation loc = SourceLocation::current());
/// PyTorch's order, block_diag(a, b), and of the others that take tensors one after the other; the
/// results of meshgrid and broadcast_tensors are structured bindings: auto [x, y] = meshgrid(a, b).
template <std::derived_from<Tensor>... T>
Tensor block_diag(const Arg& a, const T&... others) {
  const LocScope scope(a.loc());
  return block_diag(std::vector<Tensor>{a.tensor(), others...});
}
/// Tiles x: `repeats` has at least x's rank.
Tensor repeat(const Arg& x, const IntList& repeats);
/// Tiles x: missing repeats are 1.
Tensor tile(const Arg& x, const IntList& repeats);
/// Every index of `dim` `repeats` times in a row; without dim, in the flattened order.
Tensor repeat_interleave(const Arg& x, Int repeats, std::optional<Dim> dim = {});
/// As many of each element as repeats (integers, one or one per element) says: its values are asked
/// for, so this cannot be compiled.
Tensor repeat_interleave(const Arg& x, const Tensor& repeats, std::optional<Dim> dim = {});
/// All rows of one element from each vector, in order; of one vector itself. Ref:
/// torch.cartesian_prod
Tensor cartesian_prod(const std::vector<Tensor>& tensors,
                      SourceLocation loc = SourceLocation::current());
template <std::derived_from<Tensor>... T>
Tensor cartesian_prod(const Arg& a, const T&... others) {
  const LocScope scope(a.loc());
  return cartesian_prod(std::vector<Tensor>{a.tensor(), others...});
}
/// The shape that shapes broadcast to. Error when they do not. Ref: torch.broadcast_shapes
Shape broadcast_shapes(const std::vector<Shape>& shapes,
                       SourceLocation loc = SourceLocation::current());
inline Shape broadcast_shapes(const Shape& a, const Shape& b,
                              SourceLocation loc = SourceLocation::current()) {
  return broadcast_shapes(std::vector<Shape>{a, b}, loc);
}
/// Elements offset + sum(i_d stride_d) of the flattened x: a copy, as all values are. Errors: a
/// place outside of x. Ref: torch.as_strided
Tensor as_strided(const Arg& x, const Shape& size, const IntList& stride, Int storage_offset = 0);
/// torch.meshgrid's `indexing`: "ij" (the default) or "xy".
std::vector<Tensor> meshgrid(const std::vector<Tensor>& tensors, const char* indexing,
                             SourceLocation loc = SourceLocation::current());
std::vector<Tensor> meshgrid(const std::vector<Tensor>& tensors, bool xy_indexing = false,
                             SourceLocation loc = SourceLocation::current());
template <std::derived_from<Tensor>... T>
  requires(sizeof...(T) > 0)
detail::Several<Tensor, 1 + sizeof...(T)> meshgrid(const Arg& a, const T&... others) {
  const LocScope scope(a.loc());
  return {meshgrid(std::vector<Tensor>{a.tensor(), others...}), "meshgrid"};
}
inline detail::Several<Tensor, 2> meshgrid(const Tensor& a, const Tensor& b, const char* indexing,
                                           SourceLocation loc = SourceLocation::current()) {
  return {meshgrid(std::vector<Tensor>{a, b}, indexing, loc), "meshgrid", loc};
}
/// All windows of `size` along dim, `step` apart, as a new last dimension.
Tensor unfold(const Arg& x, Dim dim, Int size, Int step);

/// Pads the last dimensions with a number; `pad` is {last lo, last hi, next to last lo, …};
/// negative sizes crop.
Tensor constant_pad_nd(const Arg& x, const std::vector<std::int64_t>& pad, const Arg& value = 0);
namespace detail {
struct PadModeNames {
  enum class Kind : std::uint8_t { Constant, Reflect, Replicate, Circular };
  static constexpr Kind Constant = Kind::Constant, Reflect = Kind::Reflect,
                        Replicate = Kind::Replicate, Circular = Kind::Circular;
  static constexpr const char* what = "mode";
  static constexpr std::string_view words[] = {"constant", "reflect", "replicate", "circular",
                                               "zeros"};
  static constexpr std::size_t kinds = 4;
};
}  // namespace detail
/// PadMode::Reflect, or "reflect"; "zeros", as convolutions have it, is "constant".
using PadMode = detail::Choice<detail::PadModeNames>;
/// torch.nn.functional.pad.
Tensor pad(const Arg& x, const std::vector<std::int64_t>& pad, PadMode mode = PadMode::Constant,
           const Arg& value = 0);

}  // namespace lilith
