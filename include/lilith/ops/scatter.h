#pragma once
#include <optional>
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

// Writing at indices, and what a mask or an index of whatever length picks. Indices are integers;
// those of put may be negative and count from the end, all others count from 0.
namespace lilith {

/// x with src at the indices along dim, as gather reads them: out[index[i][j]][j] = src[i][j] (dim
/// 0). Index is no larger than src, nor than x in the other dimensions; src may be a number. Of
/// equal indices the last is what stays; all of them get a gradient. Errors: dtypes that differ, a
/// shape. Ref: torch.scatter
Tensor scatter(const Arg& x, Dim dim, const Tensor& index, const Arg& src);
/// The elements for one place are combined: "sum", "prod", "mean" (integers are rounded down),
/// "amax" or "amin"; with x's own, or without it where include_self is false. Where amax and amin
/// find several they share the gradient. Ref: torch.scatter_reduce
Tensor scatter_reduce(const Arg& x, Dim dim, const Tensor& index, const Tensor& src,
                      const ScatterReduction& reduce, bool include_self = true);
/// x with source in the slices of dim that index [n] names. Errors: source's shape is not x's with
/// n in dim; dtypes that differ. Ref: torch.index_copy
Tensor index_copy(const Arg& x, Dim dim, const Tensor& index, const Tensor& source);
/// scatter_reduce of whole slices, index_copy's; "sum" too. Ref: torch.index_reduce
Tensor index_reduce(const Arg& x, Dim dim, const Tensor& index, const Tensor& source,
                    const ScatterReduction& reduce, bool include_self = true);
/// x with the elements of source at index of the flattened x; accumulate adds them. Errors: index
/// and source have different numbers of elements. Ref: torch.put
Tensor put(const Arg& x, const Tensor& index, const Tensor& source, bool accumulate = false);
/// x with the first elements of source where mask (which broadcasts) is true, in row-major order.
/// Errors: source has fewer elements than mask is true, which is seen when it runs as an index
/// outside. Ref: torch.Tensor.masked_scatter
Tensor masked_scatter(const Arg& x, const Tensor& mask, const Tensor& source);

namespace detail {
struct SegmentNames {
  enum class Kind : std::uint8_t { Sum, Mean, Max, Min, Prod };
  static constexpr Kind Sum = Kind::Sum, Mean = Kind::Mean, Max = Kind::Max, Min = Kind::Min,
                        Prod = Kind::Prod;
  static constexpr const char* what = "reduce";
  static constexpr std::string_view words[] = {"sum", "mean", "max", "min", "prod"};
};
}  // namespace detail
using SegmentReduction = detail::Choice<detail::SegmentNames>;
struct SegmentReduceOptions {
  detail::Named named = {};
  Tensor lengths = {};  // integers [..., segments]: of the segments, one behind the other
  Tensor offsets = {};  // in their place, [..., segments + 1]: where they begin, and the end
  Dim axis = 0;         // the dimension of data with the segments, the last one of lengths
  std::optional<Real> initial = {};  // what every segment begins with
  bool unsafe = false;  // what no segment has counts for nothing; without it that is an Error
};
/// The sum, mean, largest, smallest or product of each segment of data: its dimension `axis`
/// becomes the number of segments. data: floating [...] -> its dtype. Empty ones give initial, else
/// 0, NaN, -inf, inf or 1. Errors: both or neither of lengths and offsets; when it runs and unless
/// `unsafe`: lengths below 0, segments that reach beyond the data or leave some of it out. Ref:
/// torch.segment_reduce
Tensor segment_reduce(const Arg& data, const SegmentReduction& reduce,
                      const SegmentReduceOptions& options);

// ---- How much these give depends on values. They are asked for, so that a compiled function or a
// loop's body cannot have them: compute them outside and pass the result in, or keep the shape with
// where or masked_fill.

/// Where x is not 0: i64 [n, ndim], a row an element, in row-major order. Ref: torch.nonzero
Tensor nonzero(const Arg& x);
/// The same, a column a dimension. Ref: torch.nonzero(as_tuple=True)
std::vector<Tensor> nonzero_as_tuple(const Arg& x);
/// The first `size` rows of nonzero, filled up with fill_value: of a known shape, so that they can
/// be compiled. Ref: torch.nonzero_static
Tensor nonzero_static(const Arg& x, Int size, Int fill_value = -1);
/// nonzero. Ref: torch.argwhere
Tensor argwhere(const Arg& x);
/// The elements of x where mask is true, 1-d; both broadcast. Ref: torch.masked_select
Tensor masked_select(const Arg& x, const Tensor& mask);

}  // namespace lilith
