#include <cmath>
#include <limits>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/autocast.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/reduce.h"

// Sums, extrema and what is made of them.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

Tensor reduce(const char* prim, const char* op, const Tensor& x, const IntList& dims,
              bool keepdim) {
  const Ints axes = wrap_dims(op, dims, x.ndim());
  const bool has_identity =
      std::string_view(prim) == "reduce_sum" || std::string_view(prim) == "reduce_prod";
  for (I a : axes) {
    LILITH_CHECK(has_identity || x.size(static_cast<int>(a)) > 0,
                 "{}: dimension {} of {} is empty; need at least one element", op, a,
                 x.aval().str());
  }
  return keepdim ? make_reduce_keep(prim, x, axes) : make_reduce(prim, x, axes);
}

DType sum_type(const Tensor& x, std::optional<DType> dtype) {
  return dtype.value_or(is_floating(x.dtype()) ? x.dtype() : DType::I64);
}

void check_floating(const char* op, const Tensor& x) {
  LILITH_CHECK(is_floating(x.dtype()),
               "{}: got {}; need a floating dtype (convert with x.to(kFloat32))", op,
               x.aval().str());
}

double count_of(const Tensor& x, const Ints& axes) {
  double n = 1;
  for (I a : axes) n *= static_cast<double>(x.shape()[static_cast<int>(a)]);
  return n;
}

// argmax and argmin over one dimension, or over all of the elements.
Tensor arg_extremum(const char* op, const Arg& x, std::optional<int> dim, bool keepdim) {
  LocScope scope(x.loc(), op);
  const Tensor t = x.tensor();
  if (t.ndim() == 0) return zeros({}, {.dtype = DType::I64, .device = t.device()});
  if (!dim) {
    const Tensor index = make_reduce(op, make_reshape(t, {t.numel()}), {0});
    return keepdim ? make_reshape(index, Ints(t.shape().size(), 1)) : index;
  }
  const Ints axis{wrap_dim(op, *dim, t.ndim())};
  return keepdim ? make_reduce_keep(op, t, axis) : make_reduce(op, t, axis);
}

ValuesIndices extremum(const char* arg, const Arg& x, int dim, bool keepdim,
                       const char* function = __builtin_FUNCTION()) {
  LocScope scope(x.loc(), function);
  const Tensor t = x.tensor();
  const Tensor index = arg_extremum(arg, t, dim, true);
  if (t.ndim() == 0) return {t, index};
  const int d = wrap_dim(arg, dim, t.ndim());
  const Tensor values = make_gather(t, d, index);
  if (keepdim) return {values, index};
  const Shape shape = without(t.shape(), {d});
  return {make_reshape(values, shape), make_reshape(index, shape)};
}

Tensor all_or_any(const char* prim, const char* op, const Arg& x, const IntList& dims,
                  bool keepdim) {
  LocScope scope(x.loc(), op);
  const Tensor t = x.tensor();
  // PyTorch keeps u8 for u8, and gives bool for the rest.
  const DType out = t.dtype() == DType::U8 ? DType::U8 : DType::Bool;
  const Tensor truth = make_cast(make_cast(t, DType::Bool), DType::I32);
  const Ints axes = wrap_dims(op, dims, t.ndim());
  const Ints real = t.ndim() == 0 ? Ints{} : axes;
  // Products and sums have a value for empty dimensions too.
  const Tensor reduced =
      keepdim ? make_reduce_keep(prim, truth, real) : make_reduce(prim, truth, real);
  return make_cast(compare("ne", reduced, 0), out);
}

}  // namespace

Tensor ops::product(const char* op, const Tensor& x, const IntList& dims, bool keepdim,
                    std::optional<DType> dtype) {
  const Tensor t = dtype ? x : lifted(x);
  return reduce("reduce_prod", op, make_cast(t, sum_type(t, dtype)), dims, keepdim);
}

Tensor sum(const Arg& x, const IntList& dims, bool keepdim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = dtype ? x.tensor() : lifted(x.tensor());
  return reduce("reduce_sum", "sum", make_cast(t, sum_type(t, dtype)), dims, keepdim);
}
Tensor nansum(const Arg& x, const IntList& dims, bool keepdim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return sum(is_floating(t.dtype()) ? masked(eq(t, t), t) : t, dims, keepdim, dtype);
}
Tensor mean(const Arg& x, const IntList& dims, bool keepdim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = make_cast(x.tensor(), dtype.value_or(x.tensor().dtype()));
  check_floating("mean", t);
  const Ints axes = wrap_dims("mean", dims, t.ndim());
  const double count = count_of(t, axes);
  // Of nothing: 0 times this quiet NaN; 0 times 1/0 would be a NaN with its sign set.
  const double weight = count > 0 ? 1 / count : std::numeric_limits<double>::quiet_NaN();
  return rounded_once(t, [&](const Tensor& wide) {
    return scale(reduce("reduce_sum", "mean", wide, dims, keepdim), weight);
  });
}
Tensor nanmean(const Arg& x, const IntList& dims, bool keepdim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = make_cast(x.tensor(), dtype.value_or(x.tensor().dtype()));
  check_floating("nanmean", t);
  return rounded_once(t, [&](const Tensor& wide) {
    const Tensor count = sum(make_cast(eq(wide, wide), wide.dtype()), dims, keepdim);
    return div(nansum(wide, dims, keepdim), count);
  });
}
Tensor prod(const Arg& x, std::optional<Dim> dim, bool keepdim, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return ops::product("prod", x.tensor(), dim ? IntList(*dim) : IntList(), keepdim, dtype);
}

namespace {

// The variance and the mean as composites compute with them.
std::pair<Tensor, Tensor> moments(const Tensor& x, const IntList& dims, double correction,
                                  bool keepdim) {
  check_floating("var", x);
  const Tensor t = widened(x);
  const Ints axes = wrap_dims("var", dims, t.ndim());
  const double n = count_of(t, axes);
  const Tensor centre = mean(t, dims, true);
  const Tensor off = sub(t, broadcast_last(centre, t.shape()));
  const Tensor squares = reduce("reduce_sum", "var", mul(off, off), dims, keepdim);
  const Tensor var = scale(squares, 1 / std::max(n - correction, 0.0));
  return {var, keepdim ? centre : make_reshape(centre, without(t.shape(), axes))};
}

}  // namespace

std::pair<Tensor, Tensor> var_mean(const Arg& x, const IntList& dims, Real correction,
                                   bool keepdim) {
  LocScope scope(x.loc());
  const DType dtype = x.tensor().dtype();
  const auto [v, m] = moments(x.tensor(), dims, correction, keepdim);
  return {narrowed(v, dtype), narrowed(m, dtype)};
}
Tensor var(const Arg& x, const IntList& dims, Real correction, bool keepdim) {
  return var_mean(x, dims, correction, keepdim).first;
}
Tensor std(const Arg& x, const IntList& dims, Real correction, bool keepdim) {
  LocScope scope(x.loc());
  return std_mean(x, dims, correction, keepdim).first;
}
std::pair<Tensor, Tensor> std_mean(const Arg& x, const IntList& dims, Real correction,
                                   bool keepdim) {
  LocScope scope(x.loc());
  const DType dtype = x.tensor().dtype();
  const auto [v, m] = moments(x.tensor(), dims, correction, keepdim);
  return {narrowed(sqrt_flat_at_zero(v), dtype), narrowed(m, dtype)};
}

Tensor amax(const Arg& x, const IntList& dims, bool keepdim) {
  LocScope scope(x.loc());
  return reduce("reduce_max", "amax", x.tensor(), dims, keepdim);
}
Tensor amin(const Arg& x, const IntList& dims, bool keepdim) {
  LocScope scope(x.loc());
  return reduce("reduce_min", "amin", x.tensor(), dims, keepdim);
}
std::pair<Tensor, Tensor> aminmax(const Arg& x, std::optional<Dim> dim, bool keepdim) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  const IntList dims = dim ? IntList(*dim) : IntList();
  return {amin(t, dims, keepdim), amax(t, dims, keepdim)};
}
Tensor max(const Arg& x) {
  LocScope scope(x.loc());
  return amax(x);
}
Tensor min(const Arg& x) {
  LocScope scope(x.loc());
  return amin(x);
}
ValuesIndices max(const Arg& x, Dim dim, bool keepdim) {
  return extremum("argmax", x, dim, keepdim);
}
ValuesIndices min(const Arg& x, Dim dim, bool keepdim) {
  return extremum("argmin", x, dim, keepdim);
}
Tensor argmax(const Arg& x, std::optional<Dim> dim, bool keepdim) {
  return arg_extremum("argmax", x, dim, keepdim);
}
Tensor argmin(const Arg& x, std::optional<Dim> dim, bool keepdim) {
  return arg_extremum("argmin", x, dim, keepdim);
}
Tensor all(const Arg& x, const IntList& dims, bool keepdim) {
  return all_or_any("reduce_prod", "all", x, dims, keepdim);
}
Tensor any(const Arg& x, const IntList& dims, bool keepdim) {
  return all_or_any("reduce_sum", "any", x, dims, keepdim);
}
Tensor count_nonzero(const Arg& x, const IntList& dims) {
  LocScope scope(x.loc());
  return sum(make_cast(make_cast(x.tensor(), DType::Bool), DType::I64), dims);
}

Tensor logsumexp(const Arg& x, const IntList& dims, bool keepdim) {
  LocScope scope(x.loc());
  const Tensor given = floating(x), t = widened(given);
  const Ints axes = wrap_dims("logsumexp", dims, t.ndim());
  if (t.numel() == 0) return narrowed(log(sum(exp(t), dims, keepdim)), given.dtype());
  const Tensor top = stop_gradient(make_reduce_keep("reduce_max", t, axes));
  const Tensor finite = masked(isfinite(top), top);
  const Tensor sums =
      make_reduce_keep("reduce_sum", exp(sub(t, broadcast_last(finite, t.shape()))), axes);
  const Tensor out = narrowed(add(log(sums), finite), given.dtype());
  return keepdim ? out : make_reshape(out, without(t.shape(), axes));
}

namespace {

Tensor wide_norm(const Tensor& t, double p, const IntList& dims, bool keepdim) {
  if (p == 0) return sum(make_cast(compare("ne", t, 0), t.dtype()), dims, keepdim);
  if (p == 1) return sum(abs(t), dims, keepdim);
  if (std::isinf(p)) return p > 0 ? amax(abs(t), dims, keepdim) : amin(abs(t), dims, keepdim);
  // The slope at 0 is 0 by a choice of operands, so that no 0 * inf appears in the gradient.
  const auto root = [&](const Tensor& total, auto&& f) {
    const Tensor none = compare("eq", total, 0);
    return masked(logical_not(none), f(make_select(none, full_as(total, 1), total)));
  };
  if (p == 2) return sqrt_flat_at_zero(sum(mul(t, t), dims, keepdim));
  const Tensor zero = compare("eq", t, 0);
  const Tensor size = make_select(zero, full_as(t, 1), abs(t));
  const Tensor powers = make_select(
      zero, full_as(t, p > 0 ? 0 : std::numeric_limits<double>::infinity()), pow(size, p));
  return root(sum(powers, dims, keepdim),
              [p](const Tensor& s) { return pow(s, full_as(s, 1 / p)); });
}

}  // namespace

Tensor norm(const Arg& x, Real p, const IntList& dims, bool keepdim) {
  LocScope scope(x.loc());
  check_floating("norm", x.tensor());
  return rounded_once(lifted(x.tensor()),
                      [&](const Tensor& t) { return wide_norm(t, p, dims, keepdim); });
}
Tensor renorm(const Arg& x, Real p, Dim dim, Real maxnorm) {
  LocScope scope(x.loc());
  check_floating("renorm", x.tensor());
  LILITH_CHECK(x.tensor().ndim() >= 2, "renorm: got {}; need at least 2 dimensions",
               x.tensor().aval().str());
  LILITH_CHECK(p > 0 && maxnorm >= 0, "renorm: p is {} and maxnorm {}; need p > 0, maxnorm >= 0", p,
               maxnorm);
  return rounded_once(lifted(x.tensor()), [&](const Tensor& t) {
    const Ints kept{wrap_dim("renorm", dim, t.ndim())};
    const Tensor size = wide_norm(t, p, IntList(other_dims(t.ndim(), kept)), true);
    const Tensor factor = div(full_as(size, maxnorm), shift(size, 1e-7));
    return mul(t, make_select(compare("gt", size, maxnorm), factor, full_as(size, 1)));
  });
}
Tensor dist(const Arg& a, const Arg& b, Real p) {
  LocScope scope(a.loc());
  const DType dtype = lifted(ops::result_type({&a, &b}));
  const Operands o = broadcast_operands("dist", a, b, compute_dtype(dtype));
  return narrowed(norm(sub(o.a, o.b), p), dtype);
}

Tensor diff(const Arg& x, Int n, Dim dim, const Tensor& prepend, const Tensor& append) {
  LocScope scope(x.loc());
  LILITH_CHECK(n >= 0, "diff: n is {}; need n >= 0", n);
  Tensor t = x.tensor();
  LILITH_CHECK(t.ndim() > 0, "diff: got a 0-d tensor; need at least 1 dimension");
  const int d = wrap_dim("diff", dim, t.ndim());
  if (n == 0) return t;  // nothing is prepended or appended either
  std::vector<Tensor> parts;
  if (prepend.defined()) parts.push_back(prepend);
  parts.push_back(t);
  if (append.defined()) parts.push_back(append);
  t = cat(parts, d);
  for (int i = 0; i < n; ++i) {
    const I size = t.shape()[d];
    if (size < 2) return slice_dim(t, d, 0, 0);
    const Tensor a = slice_dim(t, d, 1, size), b = slice_dim(t, d, 0, size - 1);
    t = t.dtype() == DType::Bool ? logical_xor(a, b) : sub(a, b);
  }
  return t;
}

}  // namespace lilith
