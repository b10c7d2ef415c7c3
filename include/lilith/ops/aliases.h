#pragma once
#include <optional>
#include <vector>

#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/loss.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/scatter.h"
#include "lilith/ops/shape.h"

// PyTorch's second names for functions that lilith/ops/ has under their first.
namespace lilith {

#define LILITH_ALIAS(alias, function) \
  inline Tensor alias(const Arg& x) { \
    const LocScope scope(x.loc());    \
    return function(x);               \
  }
#define LILITH_ALIAS2(alias, function)              \
  inline Tensor alias(const Arg& a, const Arg& b) { \
    const LocScope scope(a.loc());                  \
    return function(a, b);                          \
  }
LILITH_ALIAS(absolute, abs)
LILITH_ALIAS(negative, neg)
LILITH_ALIAS(arcsin, asin)
LILITH_ALIAS(arccos, acos)
LILITH_ALIAS(arctan, atan)
LILITH_ALIAS(arcsinh, asinh)
LILITH_ALIAS(arccosh, acosh)
LILITH_ALIAS(arctanh, atanh)
LILITH_ALIAS(fix, trunc)
LILITH_ALIAS(conj, positive)  // of real numbers: themselves
LILITH_ALIAS(conj_physical, positive)
LILITH_ALIAS(resolve_conj, positive)
LILITH_ALIAS(resolve_neg, positive)
LILITH_ALIAS(real, positive)
LILITH_ALIAS2(arctan2, atan2)
LILITH_ALIAS2(multiply, mul)
LILITH_ALIAS2(not_equal, ne)
LILITH_ALIAS2(greater, gt)
LILITH_ALIAS2(greater_equal, ge)
LILITH_ALIAS2(less, lt)
LILITH_ALIAS2(less_equal, le)
LILITH_ALIAS2(ger, outer)
#undef LILITH_ALIAS
#undef LILITH_ALIAS2

inline Tensor subtract(const Arg& a, const Arg& b, const Arg& alpha = 1) {
  const LocScope scope(a.loc());
  return sub(a, b, alpha);
}
inline Tensor divide(const Arg& a, const Arg& b, RoundingMode rounding_mode = {}) {
  const LocScope scope(a.loc());
  return div(a, b, rounding_mode);
}
inline Tensor clip(const Arg& x, const Bound& min = {}, const Bound& max = {}) {
  const LocScope scope(x.loc());
  return clamp(x, min, max);
}
inline Tensor swapdims(const Arg& x, Dim dim0, Dim dim1) {
  const LocScope scope(x.loc());
  return transpose(x, dim0, dim1);
}
inline Tensor moveaxis(const Arg& x, const IntList& source, const IntList& destination) {
  const LocScope scope(x.loc());
  return movedim(x, source, destination);
}
inline Tensor trapz(const Arg& y, const Arg& dx = 1, Dim dim = -1) {
  const LocScope scope(y.loc());
  return trapezoid(y, dx, dim);
}
inline Tensor trapz(const Arg& y, const Tensor& x, Dim dim = -1) {
  const LocScope scope(y.loc());
  return trapezoid(y, x, dim);
}
inline Tensor concat(const std::vector<Tensor>& tensors, Dim dim = 0,
                     SourceLocation loc = SourceLocation::current()) {
  const LocScope scope(loc);
  return cat(tensors, dim);
}
inline Tensor concatenate(const std::vector<Tensor>& tensors, Dim dim = 0,
                          SourceLocation loc = SourceLocation::current()) {
  const LocScope scope(loc);
  return cat(tensors, dim);
}
inline Tensor row_stack(const std::vector<Tensor>& tensors,
                        SourceLocation loc = SourceLocation::current()) {
  const LocScope scope(loc);
  return vstack(tensors);
}
/// The tensor itself, or one of these numbers: torch.as_tensor and torch.asarray copy no tensor
/// either.
inline Tensor as_tensor(const Arg& x) { return x.tensor(); }
inline Tensor asarray(const Arg& x) { return x.tensor(); }
template <class T, class... O>
Tensor as_tensor(const std::vector<T>& values, const O&... options) {
  return tensor(values, options...);
}
template <class T, class... O>
Tensor asarray(const std::vector<T>& values, const O&... options) {
  return tensor(values, options...);
}
/// pi where x < 0, else 0: the argument of a real number. Ref: torch.angle
inline Tensor angle(const Arg& x) {
  const LocScope scope(x.loc());
  const Tensor t = x.tensor(), f = is_floating(t.dtype()) ? t : t.to(kFloat);
  return where(isnan(f), f, where(f < 0, full_like(f, 3.141592653589793), full_like(f, 0)));
}
/// The indices of what is not 0, a tensor for each dimension. Ref: torch.where of one argument
inline std::vector<Tensor> where(const Arg& cond) {
  const LocScope scope(cond.loc());
  return nonzero_as_tuple(cond);
}
/// Whether the only element is not 0. Ref: torch.is_nonzero
inline bool is_nonzero(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
  return x.is_nonzero(loc);
}
namespace pytorch {
/// Ref: torch.is_tensor
template <class T>
constexpr bool is_tensor(const T&) {
  return std::is_base_of_v<Tensor, T>;
}
}  // namespace pytorch
/// The product of matrices, one after the other: chain_matmul(a, b, c). Ref: torch.chain_matmul
template <std::derived_from<Tensor>... T>
Tensor chain_matmul(const Arg& a, const T&... others) {
  const LocScope scope(a.loc());
  return chain_matmul(std::vector<Tensor>{a.tensor(), others...});
}
/// start, start + step, … and end itself where they meet it, f32: floor((end - start) / step) + 1
/// numbers. Errors: step 0, an end that is not on its side, not finite. Ref: torch.range
Tensor range(Real start, Real end, Real step = 1, SourceLocation loc = SourceLocation::current());
/// Of a tensor its dtype's, as PyTorch has them. Ref: torch.is_floating_point
inline bool is_floating_point(const Tensor& x) { return is_floating(x.dtype()); }
/// The number of its elements. Ref: torch.numel
inline std::int64_t numel(const Tensor& x) { return x.numel(); }

}  // namespace lilith
