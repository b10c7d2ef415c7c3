#pragma once
#include <optional>
#include <utility>
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

// Orders, and what follows from them. NaN is above everything. Sorting is stable everywhere: equal
// elements keep their order. Gradients go to the elements that were chosen.
namespace lilith {

/// The elements of each row along dim in ascending order, and where they stood (i64). Radix sort
/// from the least digit on (Knuth, The Art of Computer Programming 3, 5.2.5). Ref: torch.sort
ValuesIndices sort(const Arg& x, Dim dim = -1, bool descending = false, bool stable = false);
/// Their indices alone. Ref: torch.argsort
Tensor argsort(const Arg& x, Dim dim = -1, bool descending = false, bool stable = false);
/// sort's values along the first dimension. Ref: torch.msort
Tensor msort(const Arg& x);
/// The k largest (or smallest) of each row, best first, chosen without sorting the others. Errors:
/// k outside of [0, size of dim]. Ref: torch.topk
ValuesIndices topk(const Arg& x, Int k, Dim dim = -1, bool largest = true, bool sorted = true);
/// The k-th smallest of each row, from 1 on. Errors: k outside of [1, size of dim].
/// Ref: torch.kthvalue
ValuesIndices kthvalue(const Arg& x, Int k, Dim dim = -1, bool keepdim = false);
/// The median, of an even number the lower one; NaN where there is one. Ref: torch.median
Tensor median(const Arg& x);
ValuesIndices median(const Arg& x, Dim dim, bool keepdim = false);
/// The same without NaNs; NaN where there is nothing else. Ref: torch.nanmedian
Tensor nanmedian(const Arg& x);
ValuesIndices nanmedian(const Arg& x, Dim dim, bool keepdim = false);
/// What stands most often in each row, of several the smallest; the index of its last.
/// Ref: torch.mode
ValuesIndices mode(const Arg& x, Dim dim = -1, bool keepdim = false);

/// The quantiles q (a number, or 1-d: then the first dimension of the result) of all elements, or
/// along dim. NaN where a row has one. Errors: x not f32 or f64, q outside of [0, 1] where it is a
/// number. Ref: torch.quantile
Tensor quantile(const Arg& x, const Arg& q, std::optional<Dim> dim = {}, bool keepdim = false,
                const QuantileInterpolation& interpolation = {});
/// The same without NaNs. Ref: torch.nanquantile
Tensor nanquantile(const Arg& x, const Arg& q, std::optional<Dim> dim = {}, bool keepdim = false,
                   const QuantileInterpolation& interpolation = {});

/// The largest (smallest) so far along dim, and where it stood, of equals the last; NaN stays.
/// Ref: torch.cummax
ValuesIndices cummax(const Arg& x, Dim dim);
ValuesIndices cummin(const Arg& x, Dim dim);

namespace detail {
struct SideNames {
  enum class Kind : std::uint8_t { Left, Right };
  static constexpr Kind Left = Kind::Left, Right = Kind::Right;
  static constexpr const char* what = "side";
  static constexpr std::string_view words[] = {"left", "right"};
};
}  // namespace detail
/// "left" or "right", or SearchSide::Left.
using SearchSide = detail::Choice<detail::SideNames>;
struct SearchSortedOptions {
  detail::Named named = {};
  bool out_int32 = false;
  bool right = false;
  std::optional<SearchSide> side = {};
  Tensor sorter = {};  // i64, of sorted_sequence's shape: the order that sorts it
};
/// Where each value would stand in the ascending sorted_sequence: the number of its elements below
/// it ("left"), or not above it ("right"). sorted_sequence is 1-d, or [..., n] beside values
/// [..., m] -> i64 of values' shape. Binary search; NaN is above everything.
/// Ref: torch.searchsorted
Tensor searchsorted(const Tensor& sorted_sequence, const Arg& values,
                    const SearchSortedOptions& options = {});
struct BucketizeOptions {
  detail::Named named = {};
  bool out_int32 = false;
  bool right = false;
};
/// searchsorted with 1-d boundaries. Ref: torch.bucketize
Tensor bucketize(const Arg& x, const Tensor& boundaries, const BucketizeOptions& options = {});

/// How often each of 0 … the largest of x [n] stands in it, or the sum of its weights; at least
/// minlength. The largest is asked for: not inside of compile. Errors: negative numbers (an index
/// outside when it runs). Ref: torch.bincount
Tensor bincount(const Arg& x, const Tensor& weights = {}, Int minlength = 0);
/// How many elements lie in each of `bins` equal parts of [min, max], both inclusive; the range of
/// the elements where both are 0. Ref: torch.histc
Tensor histc(const Arg& x, Int bins = 100, Real min = 0, Real max = 0);
struct HistogramOptions {
  detail::Named named = {};
  std::optional<std::pair<double, double>> range = {};
  Tensor weight = {};    // of x's shape
  bool density = false;  // divided by the total and the width of each bin
};
/// The numbers of elements, or sums of weights, in bins that are half open but for the last, and
/// the edges [bins + 1]. Ref: torch.histogram
std::pair<Tensor, Tensor> histogram(const Arg& x, Int bins, const HistogramOptions& options = {});
std::pair<Tensor, Tensor> histogram(const Arg& x, const Tensor& edges,
                                    const HistogramOptions& options = {});
struct HistogramDdOptions {
  detail::Named named = {};
  std::vector<double> range = {};  // the least and largest of each dimension
  Tensor weight = {};              // [n]
  bool density = false;
};
/// The same of points x [n, d]: counts [bins...], and the edges of each dimension.
/// Ref: torch.histogramdd
std::pair<Tensor, std::vector<Tensor>> histogramdd(const Arg& x, const IntList& bins,
                                                   const HistogramDdOptions& options = {});
std::pair<Tensor, std::vector<Tensor>> histogramdd(const Arg& x, const std::vector<Tensor>& edges,
                                                   const HistogramDdOptions& options = {});

struct IsinOptions {
  detail::Named named = {};
  bool assume_unique = false;  // changes nothing here
  bool invert = false;
};
/// Which elements are among test_elements: bool of elements' shape. Ref: torch.isin
Tensor isin(const Arg& elements, const Arg& test_elements, const IsinOptions& options = {});

struct UniqueOptions {
  detail::Named named = {};
  bool sorted = true;  // changes nothing here: they are always sorted
  bool return_inverse = false;
  bool return_counts = false;
  std::optional<Dim> dim = {};  // whole slices; else elements
};
struct UniqueResult {
  Tensor values, inverse, counts;  // i64; undefined where not asked for
};
/// Each value once, in ascending order (slices by their elements, first ones first). How many there
/// are is asked for, so that a compiled function cannot have them. Ref: torch.unique
Tensor unique(const Arg& x);
UniqueResult unique(const Arg& x, const UniqueOptions& options);
struct UniqueConsecutiveOptions {
  detail::Named named = {};
  bool return_inverse = false;
  bool return_counts = false;
  std::optional<Dim> dim = {};
};
/// x without what equals the element (or slice) before it. Ref: torch.unique_consecutive
Tensor unique_consecutive(const Arg& x);
UniqueResult unique_consecutive(const Arg& x, const UniqueConsecutiveOptions& options);

/// The r-element combinations of x [n], a row each, in the order of the positions.
/// Ref: torch.combinations
Tensor combinations(const Arg& x, Int r = 2, bool with_replacement = false);
/// The p-norm of the difference of each row of a [..., P, M] and of b [..., R, M] -> [..., P, R];
/// p may be 0 and inf. Where two rows are one the slope is 0. Ref: torch.cdist
Tensor cdist(const Arg& a, const Arg& b, Real p = 2);
/// cdist of the rows of x [n, m] with the later ones: [n (n - 1) / 2].
/// Ref: torch.nn.functional.pdist
Tensor pdist(const Arg& x, Real p = 2);

}  // namespace lilith
