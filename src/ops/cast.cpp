#include "lilith/ops/elementwise.h"
#include "ops/define.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// cast, and choices between values: select and what is written with it.
namespace lilith {
namespace ops {
namespace {

using Cts = std::vector<Tensor>;

const OpDef& cast_op = register_builtin(
    {.name = "cast",
     .infer =
         [](const InferCtx& c) {
           const DType to = c.attrs.dtype("dtype");
           LILITH_CHECK(to <= DType::F64, "cast: to {}; complex dtypes are reserved", name(to));
           Aval out = c.in[0];
           out.dtype = to;
           return out;
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       const DType from = c.in[0].dtype();
       return {is_floating(from) && is_floating(ct.dtype()) ? make_cast(ct, from) : Tensor()};
     },
     .lower = [](LowerCtx& c) { return cast_expr(c.pool, c[0], c.out.dtype); },
     .reference =
         [](RefCtx& c) {
           const RefTensor& x = *c.in[0];
           const bool to_bool = c.out.aval.dtype == DType::Bool;
           for (std::int64_t k = 0; k < c.out.aval.numel(); ++k) {
             const auto j = static_cast<std::size_t>(k);
             if (to_bool)
               c.out.i[j] = x.floating() ? x.f[j] != 0 : x.i[j] != 0;
             else if (x.floating())
               c.out.set(k, x.f[j]);
             else if (c.out.floating())
               c.out.f[j] = static_cast<double>(x.i[j]);
             else
               c.out.set_int(k, x.i[j]);
           }
         }});

const OpDef& select_op = register_builtin(
    {.name = "select",
     .arity = 3,
     .infer =
         [](const InferCtx& c) {
           LILITH_CHECK(c.in[0].dtype == DType::Bool && c.in[0].shape == c.in[1].shape &&
                            c.in[1].shape == c.in[2].shape && c.in[1].dtype == c.in[2].dtype,
                        "select: got {}; need a bool condition and two operands of one dtype, all "
                        "of one shape",
                        describe(c));
           return c.in[1];
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       const Tensor zero = full_as(ct, 0);
       return {Tensor(), c.wanted[1] ? make_select(c.in[0], ct, zero) : Tensor(),
               c.wanted[2] ? make_select(c.in[0], zero, ct) : Tensor()};
     },
     .lower = [](LowerCtx& c) { return c.pool.select(c[0], c[1], c[2]); },
     .reference =
         [](RefCtx& c) {
           for (std::int64_t k = 0; k < c.out.aval.numel(); ++k) {
             copy_element(c.out, k, c.in[0]->i[static_cast<std::size_t>(k)] ? *c.in[1] : *c.in[2],
                          k);
           }
         },
     .zeros = Zeros::AsChosen});

}  // namespace
}  // namespace ops

using namespace ops;

Tensor cast(const Arg& x, DType dtype) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  if (t.dtype() == dtype) return t;
  // PyTorch's rule: by way of i64, so that negative numbers wrap.
  if (dtype == DType::U8 && is_floating(t.dtype())) return cast(cast(t, DType::I64), dtype);
  return apply(cast_op, {t}, {{"dtype", dtype}});
}

Tensor where(const Arg& cond, const Arg& a, const Arg& b) {
  LocScope scope(cond.loc());
  const Tensor mask = cond.tensor();
  LILITH_CHECK(mask.dtype() == DType::Bool, "where: the condition is {}; need bool",
               mask.aval().str());
  const DType dtype = ops::result_type({&a, &b});
  const auto all = broadcast_all(
      "where", {mask, make_cast(a.tensor(dtype), dtype), make_cast(b.tensor(dtype), dtype)});
  return apply(select_op, all);
}

Tensor masked_fill(const Arg& x, const Arg& mask, const Arg& value) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor(), m = mask.tensor();
  LILITH_CHECK(m.dtype() == DType::Bool, "masked_fill: the mask is {}; need bool", m.aval().str());
  const Tensor v = value.tensor(t.dtype());
  LILITH_CHECK(v.ndim() == 0, "masked_fill: the value is {}; need a number or a 0-d tensor",
               v.aval().str());
  const auto all = broadcast_all("masked_fill", {m, make_cast(v, t.dtype()), t});
  return apply(select_op, all);
}

namespace {

// A NaN as the bound stays one. Bounds that are constants cost no second comparison.
Tensor bound_wins(const char* comparison, const Tensor& x, const Tensor& bound, bool known) {
  const Tensor beyond = apply(comparison, {x, bound});
  if (known || !is_floating(bound.dtype())) return beyond;
  return logical_or(beyond, ne(bound, bound));
}

}  // namespace

Tensor clamp_min(const Arg& x, const Arg& min) {
  LocScope scope(x.loc());
  const Operands o = broadcast_operands("clamp_min", x, min, ops::result_type({&x, &min}));
  return apply(select_op, {bound_wins("lt", o.a, o.b, min.is_scalar()), o.b, o.a});
}
Tensor clamp_max(const Arg& x, const Arg& max) {
  LocScope scope(x.loc());
  const Operands o = broadcast_operands("clamp_max", x, max, ops::result_type({&x, &max}));
  return apply(select_op, {bound_wins("gt", o.a, o.b, max.is_scalar()), o.b, o.a});
}
Tensor clamp(const Arg& x, const Bound& min, const Bound& max) {
  LocScope scope(x.loc());
  LILITH_CHECK(min.arg() || max.arg(), "clamp: neither min nor max is given; need one");
  if (!max.arg()) return clamp_min(x, *min.arg());
  return clamp_max(min.arg() ? clamp_min(x, *min.arg()) : x.tensor(), *max.arg());
}

}  // namespace lilith
