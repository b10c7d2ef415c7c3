#include "lilith/ops/index.h"

#include <algorithm>
#include <cmath>

#include "ir/copy_first.h"
#include "lilith/ops/elementwise.h"
#include "ops/batch.h"
#include "ops/define.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// gather, its adjoint scatter_add, and what else may become of elements with one place. Indices
// outside are clamped into the axis: no read or write leaves the tensor.
namespace lilith::ops {
namespace {

using I = std::int64_t;
using Cts = std::vector<Tensor>;

int check_axis(const InferCtx& c) {
  const I axis = c.attrs.integer("axis");
  LILITH_CHECK(axis >= 0 && axis < c.in[0].shape.rank(), "{}: axis {} of {}", c.op, axis,
               c.in[0].str());
  LILITH_CHECK(c.in[1].dtype == DType::I64, "{}: the index is {}; need i64", c.op, c.in[1].str());
  Shape expected = c.in[0].shape;
  if (c.in[1].shape.rank() == expected.rank())
    expected[static_cast<int>(axis)] = c.in[1].shape[static_cast<int>(axis)];
  LILITH_CHECK(c.in[1].shape == expected, "{}: x {}, index {}; need equal sizes but along axis {}",
               c.op, c.in[0].str(), c.in[1].str(), axis);
  return static_cast<int>(axis);
}

I clamped(I index, I size) { return std::clamp<I>(index, 0, std::max<I>(size - 1, 0)); }

// One x for all examples: their indices follow each other along the axis, so that the gradient adds
// up in one x.
Cts batch_gather(const BatchCtx& c) {
  if (c.batched[0]) return batch_by_dims({.one = "axis"})(c);
  const auto axis = static_cast<int>(c.attrs.integer("axis"));
  const Tensor index = move_dim(c.in[1], 0, axis);
  Shape joined = index.shape(), parted = joined;
  joined.erase(axis);
  joined[axis] *= c.size;
  return {move_dim(make_reshape(make_gather(c.in[0], axis, make_reshape(index, joined)), parted),
                   axis, 0)};
}

const OpDef& gather_op = register_builtin(
    {.name = "gather",
     .arity = 2,
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           const int axis = check_axis(c);
           LILITH_CHECK(c.in[0].shape[axis] > 0 || c.in[1].numel() == 0,
                        "gather: axis {} of {} is empty", axis, c.in[0].str());
           return Aval{.shape = c.in[1].shape, .dtype = c.in[0].dtype, .device = c.in[0].device};
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       if (!c.wanted[0]) return {Tensor(), Tensor()};
       return {make_scatter_add(full_as(c.in[0], 0), static_cast<int>(c.attrs.integer("axis")),
                                c.in[1], ct),
               Tensor()};
     },
     .lower =
         [](LowerCtx& c) {
           const auto axis = static_cast<std::size_t>(c.attrs.integer("axis"));
           std::vector<kir::Expr> index(c.index.begin(), c.index.end());
           const kir::Expr last = c.integer(c.in[0].shape[static_cast<int>(axis)] - 1);
           index[axis] = kir::min(kir::max(c[1], c.integer(0)), last);
           return c.element(0, index);
         },
     .reference =
         [](RefCtx& c) {
           const auto axis = static_cast<std::size_t>(c.attrs.integer("axis"));
           const Shape& in = c.in[0]->aval.shape;
           for_each_index(c.out.aval.shape, [&](Ints at, I k) {
             at[axis] =
                 clamped(c.in[1]->i[static_cast<std::size_t>(k)], in[static_cast<int>(axis)]);
             copy_element(c.out, k, *c.in[0], linear_index(in, at));
           });
         },
     .cost = 4,
     .dims = DimAttrs{.one = "axis"},
     .index_operand = 1,
     .batch = batch_gather});

/// A scatter: what a place holds and what is meant for it become f of both; null: the latter.
struct Scattering {
  const char* name;
  Combination combine;
  double (*f)(double, double);
  I (*f_int)(I, I);
  Cts (*vjp)(const VjpCtx& c, int axis, const Tensor& ct);
};

void scatter_reference(RefCtx& c, const Scattering& rule) {
  const auto axis = static_cast<std::size_t>(c.attrs.integer("axis"));
  const Shape& shape = c.out.aval.shape;
  ir::copy_first(c);
  if (shape.numel() == 0) return;
  for_each_index(c.in[1]->aval.shape, [&](Ints at, I k) {
    const auto j = static_cast<std::size_t>(k);
    at[axis] = clamped(c.in[1]->i[j], shape[static_cast<int>(axis)]);
    const I to = linear_index(shape, at);
    if (c.out.floating()) {
      double& value = c.out.f[static_cast<std::size_t>(to)];
      value = rule.f ? rule.f(value, c.in[2]->f[j]) : c.in[2]->f[j];
    } else {
      const I before = c.out.i[static_cast<std::size_t>(to)];
      c.out.set_int(to, rule.f_int ? rule.f_int(before, c.in[2]->i[j]) : c.in[2]->i[j]);
    }
  });
}

const OpDef& define(const Scattering& rule) {
  return register_builtin(
      {.name = rule.name,
       .arity = 3,
       .cls = OpClass::Scatter,
       .infer =
           [](const InferCtx& c) {
             check_axis(c);
             LILITH_CHECK(c.in[1].shape == c.in[2].shape && c.in[2].dtype == c.in[0].dtype,
                          "{}: got {}; need src of the index's shape and of the base's dtype", c.op,
                          describe(c));
             return c.in[0];
           },
       .vjp =
           [rule](const VjpCtx& c, const Tensor& ct) {
             return rule.vjp(c, static_cast<int>(c.attrs.integer("axis")), ct);
           },
       .reference = [rule](RefCtx& c) { scatter_reference(c, rule); },
       .combine = rule.combine,
       .dims = DimAttrs{.one = "axis"},
       .index_operand = 1});
}

const OpDef& scatter_add_op = define(Scattering{
    "scatter_add", Combination::Sum, [](double a, double b) { return a + b; },
    [](I a, I b) {
      return static_cast<I>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    },
    [](const VjpCtx& c, int axis, const Tensor& ct) -> Cts {
      return {ct, Tensor(), c.wanted[2] ? make_gather(ct, axis, c.in[1]) : Tensor()};
    }});

// The last of equal places is what stays; all of them get the gradient, as in PyTorch.
const OpDef& scatter_op =
    define(Scattering{"scatter", Combination::None, nullptr, nullptr,
                      [](const VjpCtx& c, int axis, const Tensor& ct) -> Cts {
                        return {make_scatter("scatter", ct, axis, c.in[1], full_as(c.in[2], 0)),
                                Tensor(), c.wanted[2] ? make_gather(ct, axis, c.in[1]) : Tensor()};
                      }});

// Those that are the largest (smallest) of a place share its gradient.
Cts share_of_extremum(const VjpCtx& c, int axis, const Tensor& ct) {
  const Tensor &base = c.in[0], &index = c.in[1], &src = c.in[2];
  const Tensor base_is = make_cast(eq(base, c.out), ct.dtype());
  const Tensor src_is = make_cast(eq(src, make_gather(c.out, axis, index)), ct.dtype());
  const Tensor number = maximum(make_scatter_add(base_is, axis, index, src_is), full_as(base, 1));
  const Tensor share = div(ct, number);
  return {masked(eq(base, c.out), share), Tensor(),
          masked(eq(src, make_gather(c.out, axis, index)), make_gather(share, axis, index))};
}

const OpDef& scatter_max_op =
    define(Scattering{"scatter_max", Combination::Max,
                      [](double a, double b) { return std::isnan(a) || a > b ? a : b; },
                      [](I a, I b) { return std::max(a, b); }, share_of_extremum});
const OpDef& scatter_min_op =
    define(Scattering{"scatter_min", Combination::Min,
                      [](double a, double b) { return std::isnan(a) || a < b ? a : b; },
                      [](I a, I b) { return std::min(a, b); }, share_of_extremum});

// The product of the others is the result without one's own factor: divided by it, where it is not
// 0; where one alone is 0, the product with a 1 in its place.
const OpDef& scatter_mul_op = define(Scattering{
    "scatter_mul", Combination::Prod, [](double a, double b) { return a * b; },
    [](I a, I b) {
      return static_cast<I>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    },
    [](const VjpCtx& c, int axis, const Tensor& ct) -> Cts {
      const Tensor &base = c.in[0], &index = c.in[1], &src = c.in[2];
      const auto product = [&](const Tensor& from, const Tensor& of) {
        return make_scatter("scatter_mul", from, axis, index, of);
      };
      Cts out{mul(ct, product(full_as(base, 1), src)), Tensor(), Tensor()};
      if (!c.wanted[2]) return out;
      const Tensor zero = compare("eq", src, 0), one = full_as(src, 1);
      const Tensor number =
          make_gather(make_scatter_add(full_as(base, 0), axis, index, make_cast(zero, src.dtype())),
                      axis, index);
      const Tensor alone = logical_and(zero, compare("eq", number, 1));
      const Tensor without = make_gather(product(base, make_select(zero, one, src)), axis, index);
      const Tensor of_others = div(make_gather(c.out, axis, index), make_select(zero, one, src));
      out[2] = mul(make_gather(ct, axis, index),
                   make_select(alone, without, masked(logical_not(zero), of_others)));
      return out;
    }});

}  // namespace
}  // namespace lilith::ops
