#include "lilith/ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lilith/ops/elementwise.h"
#include "ops/define.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// The reductions.
namespace lilith::ops {
namespace {

using I = std::int64_t;
using U = std::uint64_t;
using Cts = std::vector<Tensor>;

const Ints& check_axes(const InferCtx& c) {
  const Ints& axes = c.attrs.ints("axes");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const bool ok =
        axes[i] >= 0 && axes[i] < c.in[0].shape.rank() && (i == 0 || axes[i] > axes[i - 1]);
    LILITH_CHECK(ok, "{}: axes do not increase within the dimensions of {}", c.op, c.in[0].str());
  }
  return axes;
}

Aval infer_reduce(const InferCtx& c) {
  const Ints& axes = check_axes(c);
  return {.shape = without(c.in[0].shape, axes), .dtype = c.in[0].dtype, .device = c.in[0].device};
}

// A maximum of nothing has no value.
Aval infer_extremum(const InferCtx& c) {
  for (I a : check_axes(c)) {
    LILITH_CHECK(c.in[0].shape[static_cast<int>(a)] > 0,
                 "{}: dimension {} of {} is empty; need at least one element", c.op, a,
                 c.in[0].str());
  }
  return infer_reduce(c);
}

// Calls f(output position, input position) in row-major order of the input.
template <class F>
void for_each_reduced(RefCtx& c, F&& f) {
  const Shape& in = c.in[0]->aval.shape;
  const Ints kept = other_dims(in.rank(), c.attrs.ints("axes"));
  for_each_index(in, [&](const Ints& from, I k) {
    I to = 0;
    for (I d : kept) to = to * in[static_cast<int>(d)] + from[static_cast<std::size_t>(d)];
    f(static_cast<std::size_t>(to), static_cast<std::size_t>(k));
  });
}

template <class Float, class Int>
void reference_reduce(RefCtx& c, double start, I start_int, Float&& f, Int&& g) {
  std::fill(c.out.f.begin(), c.out.f.end(), start);
  std::fill(c.out.i.begin(), c.out.i.end(), start_int);
  for_each_reduced(c, [&](std::size_t to, std::size_t k) {
    if (c.out.floating())
      c.out.f[to] = f(c.out.f[to], c.in[0]->f[k]);
    else
      c.out.set_int(static_cast<I>(to), g(c.out.i[to], c.in[0]->i[k]));
  });
}

const OpDef& reduce_sum_op = register_builtin(
    {.name = "reduce_sum",
     .cls = OpClass::Reduction,
     .infer = infer_reduce,
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       return {broadcast_over(ct, c.in[0].shape(), c.attrs.ints("axes"))};
     },
     .reference =
         [](RefCtx& c) {
           reference_reduce(
               c, 0, 0, [](double a, double b) { return a + b; },
               [&](I a, I b) {
                 return c.out.aval.dtype == DType::Bool
                            ? a | b
                            : static_cast<I>(static_cast<U>(a) + static_cast<U>(b));
               });
         },
     .combine = Combination::Sum});

// Tied elements share the cotangent evenly.
Cts extremum_vjp(const VjpCtx& c, const Tensor& ct) {
  const Ints& axes = c.attrs.ints("axes");
  const Shape& in = c.in[0].shape();
  const Tensor ties = apply("eq", {c.in[0], broadcast_over(c.out, in, axes)});
  const Tensor count = make_reduce("reduce_sum", make_cast(ties, ct.dtype()), axes);
  return {masked(ties, broadcast_over(div(ct, count), in, axes))};
}

const OpDef& reduce_max_op = register_builtin(
    {.name = "reduce_max",
     .cls = OpClass::Reduction,
     .infer = infer_extremum,
     .vjp = extremum_vjp,
     .reference =
         [](RefCtx& c) {
           reference_reduce(
               c, -std::numeric_limits<double>::infinity(), std::numeric_limits<I>::min(),
               [](double a, double b) { return std::isnan(a) || a >= b ? a : b; },
               [](I a, I b) { return a > b ? a : b; });
         },
     .combine = Combination::Max});
const OpDef& reduce_min_op = register_builtin(
    {.name = "reduce_min",
     .cls = OpClass::Reduction,
     .infer = infer_extremum,
     .vjp = extremum_vjp,
     .reference =
         [](RefCtx& c) {
           reference_reduce(
               c, std::numeric_limits<double>::infinity(), std::numeric_limits<I>::max(),
               [](double a, double b) { return std::isnan(a) || a <= b ? a : b; },
               [](I a, I b) { return a < b ? a : b; });
         },
     .combine = Combination::Min});

// The product of the others. With p the product of the non-zeros and z the sum of the zeros (one at
// most matters): no zero: p / x; one: p at it, p z / x elsewhere (0, but with a slope); two: p (z -
// x) at them; else 0. Right to second order everywhere.
Cts prod_vjp(const VjpCtx& c, const Tensor& ct) {
  const Ints& axes = c.attrs.ints("axes");
  const Tensor& x = c.in[0];
  const Shape& in = x.shape();
  const auto spread = [&](const Tensor& reduced) { return broadcast_over(reduced, in, axes); };
  const Tensor is_zero = compare("eq", x, 0);
  const Tensor nonzero = make_select(is_zero, full_as(x, 1), x);
  const Tensor count = spread(make_reduce("reduce_sum", make_cast(is_zero, x.dtype()), axes));
  const Tensor p = spread(make_reduce("reduce_prod", nonzero, axes));
  const Tensor z = spread(make_reduce("reduce_sum", masked(is_zero, x), axes));
  const Tensor others = div(p, nonzero);
  const Tensor none = others;
  const Tensor one = make_select(is_zero, p, mul(others, z));
  const Tensor two = masked(is_zero, mul(p, sub(z, x)));
  const Tensor slope =
      make_select(compare("eq", count, 0), none,
                  make_select(compare("eq", count, 1), one, masked(compare("eq", count, 2), two)));
  return {mul(spread(ct), slope)};
}

const OpDef& reduce_prod_op = register_builtin(
    {.name = "reduce_prod",
     .cls = OpClass::Reduction,
     .infer = infer_reduce,
     .vjp = prod_vjp,
     .reference =
         [](RefCtx& c) {
           reference_reduce(
               c, 1, 1, [](double a, double b) { return a * b; },
               [](I a, I b) { return static_cast<I>(static_cast<U>(a) * static_cast<U>(b)); });
         },
     .combine = Combination::Prod});

Aval infer_arg(const InferCtx& c) {
  LILITH_CHECK(c.attrs.ints("axes").size() == 1, "{}: {} axes; need one", c.op,
               c.attrs.ints("axes").size());
  Aval out = infer_extremum(c);
  out.dtype = DType::I64;
  return out;
}

// The first of equals; a NaN beats all.
void reference_arg(RefCtx& c, double sign) {
  const RefTensor& x = *c.in[0];
  const auto axis = static_cast<int>(c.attrs.ints("axes")[0]);
  const I n = x.aval.shape[axis], inner = x.aval.shape.strides()[axis];
  for (I k = 0; k < c.out.aval.numel(); ++k) {
    const I base = k / inner * n * inner + k % inner;
    I best = 0;
    for (I j = 1; j < n; ++j) {
      const auto a = static_cast<std::size_t>(base + best * inner),
                 b = static_cast<std::size_t>(base + j * inner);
      const bool better = x.floating() ? !std::isnan(x.f[a]) &&
                                             (std::isnan(x.f[b]) || sign * x.f[b] > sign * x.f[a])
                                       : (sign > 0 ? x.i[b] > x.i[a] : x.i[b] < x.i[a]);
      if (better) best = j;
    }
    c.out.i[static_cast<std::size_t>(k)] = best;
  }
}

const OpDef& argmax_op = register_builtin({.name = "argmax",
                                           .cls = OpClass::Reduction,
                                           .infer = infer_arg,
                                           .no_vjp_reason = "an index is piecewise constant",
                                           .reference = [](RefCtx& c) { reference_arg(c, 1); },
                                           .combine = Combination::ArgMax});
const OpDef& argmin_op = register_builtin({.name = "argmin",
                                           .cls = OpClass::Reduction,
                                           .infer = infer_arg,
                                           .no_vjp_reason = "an index is piecewise constant",
                                           .reference = [](RefCtx& c) { reference_arg(c, -1); },
                                           .combine = Combination::ArgMin});

}  // namespace

}  // namespace lilith::ops
