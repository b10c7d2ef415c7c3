#pragma once
#include <concepts>
#include <optional>
#include <utility>

#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

namespace lilith {

// No `dims` reduces all dimensions. keepdim keeps the reduced ones with size 1.

/// Integers and bools sum to i64.
Tensor sum(const Arg& x, const IntList& dims = {}, bool keepdim = false,
           std::optional<DType> dtype = {});
Tensor nansum(const Arg& x, const IntList& dims = {}, bool keepdim = false,
              std::optional<DType> dtype = {});
/// Errors: x is not floating (give dtype).
Tensor mean(const Arg& x, const IntList& dims = {}, bool keepdim = false,
            std::optional<DType> dtype = {});
Tensor nanmean(const Arg& x, const IntList& dims = {}, bool keepdim = false,
               std::optional<DType> dtype = {});
Tensor prod(const Arg& x, std::optional<Dim> dim = {}, bool keepdim = false,
            std::optional<DType> dtype = {});
/// Divides by n - correction. A bool in its place, or alone, is PyTorch's `unbiased`: 1 or 0. The
/// slope of std is 0 where the values are equal.
Tensor var(const Arg& x, const IntList& dims = {}, Real correction = 1, bool keepdim = false);
Tensor std(const Arg& x, const IntList& dims = {}, Real correction = 1, bool keepdim = false);
std::pair<Tensor, Tensor> var_mean(const Arg& x, const IntList& dims = {}, Real correction = 1,
                                   bool keepdim = false);
std::pair<Tensor, Tensor> std_mean(const Arg& x, const IntList& dims = {}, Real correction = 1,
                                   bool keepdim = false);
template <std::same_as<bool> B>
Tensor var(const Arg& x, const IntList& dims, B unbiased, bool keepdim = false) {
  return var(x, dims, unbiased ? 1 : 0, keepdim);
}
template <std::same_as<bool> B>
Tensor std(const Arg& x, const IntList& dims, B unbiased, bool keepdim = false) {
  return std(x, dims, unbiased ? 1 : 0, keepdim);
}
template <std::same_as<bool> B>
std::pair<Tensor, Tensor> var_mean(const Arg& x, const IntList& dims, B unbiased,
                                   bool keepdim = false) {
  return var_mean(x, dims, unbiased ? 1 : 0, keepdim);
}
template <std::same_as<bool> B>
std::pair<Tensor, Tensor> std_mean(const Arg& x, const IntList& dims, B unbiased,
                                   bool keepdim = false) {
  return std_mean(x, dims, unbiased ? 1 : 0, keepdim);
}
template <std::same_as<bool> B>
Tensor var(const Arg& x, B unbiased) {
  return var(x, IntList(), unbiased ? 1 : 0);
}
template <std::same_as<bool> B>
Tensor std(const Arg& x, B unbiased) {
  return std(x, IntList(), unbiased ? 1 : 0);
}
template <std::same_as<bool> B>
std::pair<Tensor, Tensor> var_mean(const Arg& x, B unbiased) {
  return var_mean(x, IntList(), unbiased ? 1 : 0);
}
template <std::same_as<bool> B>
std::pair<Tensor, Tensor> std_mean(const Arg& x, B unbiased) {
  return std_mean(x, IntList(), unbiased ? 1 : 0);
}
/// Ties share the gradient evenly. NaN wins. Errors: an empty dimension.
Tensor amax(const Arg& x, const IntList& dims = {}, bool keepdim = false);
Tensor amin(const Arg& x, const IntList& dims = {}, bool keepdim = false);
std::pair<Tensor, Tensor> aminmax(const Arg& x, std::optional<Dim> dim = {}, bool keepdim = false);
/// The largest element; ties share the gradient evenly.
Tensor max(const Arg& x);
Tensor min(const Arg& x);
/// Values and i64 indices (of the first); the gradient goes to the chosen element.
ValuesIndices max(const Arg& x, Dim dim, bool keepdim = false);
ValuesIndices min(const Arg& x, Dim dim, bool keepdim = false);
/// maximum, minimum.
Tensor max(const Arg& x, const Tensor& other);
Tensor min(const Arg& x, const Tensor& other);
/// The first index of the largest, in the flattened order without dim. i64.
Tensor argmax(const Arg& x, std::optional<Dim> dim = {}, bool keepdim = false);
Tensor argmin(const Arg& x, std::optional<Dim> dim = {}, bool keepdim = false);
Tensor all(const Arg& x, const IntList& dims = {}, bool keepdim = false);
Tensor any(const Arg& x, const IntList& dims = {}, bool keepdim = false);
Tensor count_nonzero(const Arg& x, const IntList& dims = {});
/// log(sum(exp(x))), without overflow.
Tensor logsumexp(const Arg& x, const IntList& dims, bool keepdim = false);
/// The p-norm over dims (flattened when none is given); p may be inf, -inf or 0.
Tensor norm(const Arg& x, Real p = 2, const IntList& dims = {}, bool keepdim = false);
/// The p-norm of a - b.
Tensor dist(const Arg& a, const Arg& b, Real p = 2);
/// Running sums and products along dim.
Tensor cumsum(const Arg& x, Dim dim, std::optional<DType> dtype = {});
Tensor cumprod(const Arg& x, Dim dim, std::optional<DType> dtype = {});
Tensor logcumsumexp(const Arg& x, Dim dim);
/// The n-th forward difference along dim.
Tensor diff(const Arg& x, Int n = 1, Dim dim = -1, const Tensor& prepend = {},
            const Tensor& append = {});
/// The running integral: trapezoid of each beginning. Ref: torch.cumulative_trapezoid
Tensor cumulative_trapezoid(const Arg& y, const Arg& dx = 1, Dim dim = -1);
Tensor cumulative_trapezoid(const Arg& y, const Tensor& x, Dim dim = -1);
/// Slopes along each of dims (all, when none is given) by central differences `spacing` apart, at
/// the ends by one-sided ones of edge_order 1 or 2. Errors: fewer than edge_order + 1 elements
/// along a dim. Ref: torch.gradient
std::vector<Tensor> gradient(const Arg& x, Real spacing = 1, const IntList& dims = {},
                             Int edge_order = 1);
/// The same with coordinates of the places along each of dims, [n] of any dtype, or with a spacing,
/// []. A slope between two places is the difference of the values over that of their coordinates,
/// which are subtracted before they are rounded; inside it is that of the parabola through three
/// places. -> for each of dims x's shape, of the dtype that x's and floating coordinates meet in
/// (f32 of integers). Errors: another number of spacings than of dims, of coordinates than of
/// places; those of above. Ref: torch.gradient
std::vector<Tensor> gradient(const Arg& x, const std::vector<Tensor>& spacing,
                             const IntList& dims = {}, Int edge_order = 1);
/// Slices of dim whose p-norm is over maxnorm, scaled to it. Ref: torch.renorm
Tensor renorm(const Arg& x, Real p, Dim dim, Real maxnorm);
/// The integral of y along dim by the trapezoidal rule, for samples dx apart or at the points x:
/// one dimension (that of the integral) or y's last ones. Ref: torch.trapezoid.
Tensor trapezoid(const Arg& y, const Arg& dx = 1, Dim dim = -1);
Tensor trapezoid(const Arg& y, const Tensor& x, Dim dim = -1);

}  // namespace lilith
