#pragma once
#include <optional>
#include <vector>

#include "lilith/detail/choice.h"
#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

namespace lilith {

/// out[i][j] = x[index[i][j]][j] (for dim 0). index: integers, no larger than x in the other
/// dimensions.
Tensor gather(const Arg& x, Dim dim, const Tensor& index);
/// x with src added at the indices: the adjoint of gather. Equal indices accumulate.
Tensor scatter_add(const Arg& x, Dim dim, const Tensor& index, const Tensor& src);
/// gather with broadcasting; without dim, in the flattened order.
Tensor take_along_dim(const Arg& x, const Tensor& index, std::optional<Dim> dim = {});
/// Elements of the flattened x.
Tensor take(const Arg& x, const Tensor& index);
/// Whole slices of `dim`. index: 1-d or 0-d integers.
Tensor index_select(const Arg& x, Dim dim, const Tensor& index);
/// x with alpha * source added to slices of `dim`; equal indices accumulate.
Tensor index_add(const Arg& x, Dim dim, const Tensor& index, const Tensor& source, Real alpha = 1);
/// Rows of weight [V, D]: index [...] -> [..., D]. torch.nn.functional.embedding; the row
/// padding_idx gets no gradient.
Tensor embedding(const Arg& index, const Tensor& weight, std::optional<Int> padding_idx = {});
struct EmbeddingFunctionOptions {
  detail::Named named = {};
  std::optional<Int> padding_idx = {};
  std::optional<Real> max_norm = {};  // rows of a larger norm are read scaled to it
  Real norm_type = 2;
  bool scale_grad_by_freq = false;  // a row's gradient is divided by how often index names it
};
/// The same with PyTorch's options; weight itself does not change with max_norm: values do not.
Tensor embedding(const Arg& index, const Tensor& weight, const EmbeddingFunctionOptions& options);
namespace detail {
struct BagModeNames {
  enum class Kind : std::uint8_t { Mean, Sum, Max };
  static constexpr Kind Mean = Kind::Mean, Sum = Kind::Sum, Max = Kind::Max;
  static constexpr const char* what = "mode";
  static constexpr std::string_view words[] = {"mean", "sum", "max"};
};
}  // namespace detail
/// BagMode::Sum, or "sum".
using BagMode = detail::Choice<detail::BagModeNames>;
struct EmbeddingBagFunctionOptions {
  Tensor offsets = {};  // integers [B]: where the bags of a 1-d index begin, ascending from 0
  std::optional<Real> max_norm = {};
  Real norm_type = 2;
  bool scale_grad_by_freq = false;
  BagMode mode = BagMode::Mean;
  Tensor per_sample_weights = {};       // of index's shape, for mode "sum"
  bool include_last_offset = false;     // offsets ends with the number of indices
  std::optional<Int> padding_idx = {};  // this row is left out of every bag
};
/// The sum, mean or largest of the rows of weight [V, D] in each bag. index: integers [B, L], a bag
/// a row, or [L] with offsets -> [B, D]; empty bags give 0. Errors: offsets with a 2-d index,
/// per_sample_weights in another mode. Ref: torch.nn.functional.embedding_bag.
Tensor embedding_bag(const Arg& index, const Tensor& weight,
                     const EmbeddingBagFunctionOptions& options = {});
inline Tensor embedding_bag(const Arg& index, const Tensor& weight, const Tensor& offsets) {
  return embedding_bag(index, weight, EmbeddingBagFunctionOptions{.offsets = offsets});
}
/// integers [...] -> i64 [..., num_classes]; -1: as many as x has, whose values are asked for.
/// Errors: num_classes 0 or below -1; inside `compile` -1.
Tensor one_hot(const Arg& x, Int num_classes = -1);
/// The lower or upper triangle of the last two dimensions; zeros elsewhere.
Tensor tril(const Arg& x, Int diagonal = 0);
Tensor triu(const Arg& x, Int diagonal = 0);
/// A matrix's diagonal, or the matrix with that diagonal.
Tensor diag(const Arg& x, Int diagonal = 0);
/// The diagonals of dimensions dim1 and dim2, as the last dimension.
Tensor diagonal(const Arg& x, Int offset = 0, Dim dim1 = 0, Dim dim2 = 1);
Tensor diag_embed(const Arg& x, Int offset = 0, Dim dim1 = -2, Dim dim2 = -1);
Tensor diagflat(const Arg& x, Int offset = 0);
/// The sum of a matrix's diagonal.
Tensor trace(const Arg& x);
/// x with slice `index` of `dim` replaced by src.
Tensor select_scatter(const Arg& x, const Tensor& src, Dim dim, Int index);
/// x with src in x[start:end:step] of `dim`. Errors: src's shape. Ref: torch.slice_scatter.
Tensor slice_update(const Arg& x, const Tensor& src, Dim dim, Int start = 0, Int end = INT64_MAX,
                    Int step = 1);
/// slice_update, by PyTorch's name and default. Ref: torch.slice_scatter
Tensor slice_scatter(const Arg& x, const Tensor& src, Dim dim = 0, Int start = 0,
                     Int end = INT64_MAX, Int step = 1);
/// x with src on the diagonal `offset` of dimensions dim1 and dim2. Error: src's shape is not the
/// diagonal's. Ref: torch.diagonal_scatter
Tensor diagonal_scatter(const Arg& x, const Tensor& src, Int offset = 0, Dim dim1 = 0,
                        Dim dim2 = 1);
/// x with src, of shape `size`, at the places offset + sum(i_d stride_d) of the flattened x.
/// Errors: src's shape, a place outside of x. Ref: torch.as_strided_scatter
Tensor as_strided_scatter(const Arg& x, const Tensor& src, const Shape& size, const IntList& stride,
                          Int storage_offset = 0);
/// The indices along each dimension of `shape` that flat ones stand for. indices: integers [...] ->
/// a tensor i64 [...] for each dimension. What is no place of the shape is taken modulo its sizes,
/// from the end where it is negative. Errors: indices that are no integers; a size below 0, or 0
/// where there are indices. Ref: torch.unravel_index
std::vector<Tensor> unravel_index(const Arg& indices, const Shape& shape);
/// x with `values` at x[indices[0], indices[1], …] of the first dimensions; indices: integers that
/// broadcast, negative ones count from the end, or masks of one dimension each, whose values are
/// asked for, so that they cannot be compiled; values broadcast to [indices..., rest of x]. With
/// accumulate they are added, equal indices too; without, the last of equals is what stays.
/// Ref: torch.Tensor.index_put.
Tensor index_put(const Arg& x, const std::vector<Tensor>& indices, const Arg& values,
                 bool accumulate = false);
/// x with value in the slices of `dim` that index names.
Tensor index_fill(const Arg& x, Dim dim, const Tensor& index, const Arg& value);

}  // namespace lilith
