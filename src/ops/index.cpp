#include "lilith/ops/index.h"

#include <algorithm>

#include "ops/batch.h"
#include "ops/define.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// gather and its adjoint scatter_add. Indices outside are clamped into the axis: no read or write
// leaves the tensor.
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

const OpDef& scatter_add_op = register_builtin(
    {.name = "scatter_add",
     .arity = 3,
     .cls = OpClass::Scatter,
     .infer =
         [](const InferCtx& c) {
           check_axis(c);
           LILITH_CHECK(
               c.in[1].shape == c.in[2].shape && c.in[2].dtype == c.in[0].dtype,
               "scatter_add: got {}; need src of the index's shape and of the base's dtype",
               describe(c));
           return c.in[0];
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       const auto axis = static_cast<int>(c.attrs.integer("axis"));
       return {ct, Tensor(), c.wanted[2] ? make_gather(ct, axis, c.in[1]) : Tensor()};
     },
     .reference =
         [](RefCtx& c) {
           const auto axis = static_cast<std::size_t>(c.attrs.integer("axis"));
           const Shape& shape = c.out.aval.shape;
           c.out.f = c.in[0]->f;
           c.out.i = c.in[0]->i;
           if (shape.numel() == 0) return;
           for_each_index(c.in[1]->aval.shape, [&](Ints at, I k) {
             const auto j = static_cast<std::size_t>(k);
             at[axis] = clamped(c.in[1]->i[j], shape[static_cast<int>(axis)]);
             const I to = linear_index(shape, at);
             if (c.out.floating())
               c.out.f[static_cast<std::size_t>(to)] += c.in[2]->f[j];
             else
               c.out.set_int(to, c.out.i[static_cast<std::size_t>(to)] + c.in[2]->i[j]);
           });
         },
     .dims = DimAttrs{.one = "axis"},
     .index_operand = 1});

}  // namespace
}  // namespace lilith::ops
