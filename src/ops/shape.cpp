#include "lilith/ops/shape.h"

#include <algorithm>
#include <numeric>

#include "ir/copy_first.h"
#include "ops/batch.h"
#include "ops/define.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// The views: reshape, broadcast, transpose, slice, pad, reverse, concat, iota.
namespace lilith::ops {
namespace {

using kir::Expr;
using I = std::int64_t;
using Cts = std::vector<Tensor>;
using Exprs = std::vector<Expr>;

std::size_t at(I i) { return static_cast<std::size_t>(i); }

Aval with_shape(const InferCtx& c, const Shape& shape) {
  return {.shape = shape, .dtype = c.in[0].dtype, .device = c.in[0].device};
}
void check_sizes(const InferCtx& c, const Ints& shape) {
  for (I size : shape) LILITH_CHECK(size >= 0, "{}: a size is {}; need sizes >= 0", c.op, size);
}

// ---- reshape ----

// Splits the two shapes into the shortest runs of dimensions with equal products, and carries each
// run's index over by itself: unchanged dimensions need no division.
Exprs reshape_index(LowerCtx& c) {
  const Shape &out = c.out.shape, &in = c.in[0].shape;
  Exprs result(in.size(), c.integer(0));
  if (c.out.numel() == 0) return result;
  int o = 0, i = 0;
  while (i < in.rank()) {
    int o_end = o, i_end = i + 1;
    I o_size = 1, i_size = in[i];
    while (o_size != i_size) {
      if (o_end < out.rank() && o_size < i_size)
        o_size *= out[o_end++];
      else
        i_size *= in[i_end++];
    }
    Expr linear = c.integer(0);
    for (int d = o; d < o_end; ++d) linear = linear * c.integer(out[d]) + c.index[at(d)];
    I inner = i_size;
    for (int d = i; d < i_end; ++d) {
      inner /= std::max<I>(in[d], 1);
      Expr part = inner > 1 ? kir::floor_div(linear, inner) : linear;
      if (d > i && in[d] > 1) part = kir::floor_mod(part, in[d]);
      result[at(d)] = in[d] == 1 ? c.integer(0) : part;
    }
    while (o_end < out.rank() && out[o_end] == 1) ++o_end;  // belong to no run
    o = o_end;
    i = i_end;
  }
  return result;
}

const OpDef& reshape_op = register_builtin(
    {.name = "reshape",
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           check_sizes(c, c.attrs.ints("shape"));
           const Aval out = with_shape(c, c.attrs.ints("shape"));
           LILITH_CHECK(out.numel() == c.in[0].numel(),
                        "reshape: {} has {} elements, shape {} has {}; need as many", c.in[0].str(),
                        c.in[0].numel(), out.shape.str(), out.numel());
           return out;
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       return {make_reshape(ct, c.in[0].shape())};
     },
     .lower = [](LowerCtx& c) { return c.element(0, reshape_index(c)); },
     .reference = ir::copy_first,
     .cost = 0,
     .batch = batch_by_dims({.each = {"shape"}})});

// ---- broadcast ----

const OpDef& broadcast_op = register_builtin(
    {.name = "broadcast",
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           check_sizes(c, c.attrs.ints("shape"));
           const Aval out = with_shape(c, c.attrs.ints("shape"));
           const Ints& dims = ints_per_dim(c, "dims", c.in[0].shape.rank());
           for (std::size_t i = 0; i < dims.size(); ++i) {
             const bool ok =
                 dims[i] >= 0 && dims[i] < out.shape.rank() && (i == 0 || dims[i] > dims[i - 1]);
             LILITH_CHECK(ok,
                          "broadcast: dims do not increase within the {} dimensions of the result",
                          out.shape.rank());
             const I from = c.in[0].shape[static_cast<int>(i)],
                     to = out.shape[static_cast<int>(dims[i])];
             LILITH_CHECK(from == 1 || from == to,
                          "broadcast: {} to {}: size {} does not repeat to {}; need 1 or {}",
                          c.in[0].str(), out.shape.str(), from, to, to);
           }
           return out;
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       const Ints& dims = c.attrs.ints("dims");
       const Shape& in = c.in[0].shape();
       Ints axes = other_dims(ct.ndim(), dims);
       for (std::size_t i = 0; i < dims.size(); ++i) {
         if (in[static_cast<int>(i)] != ct.shape()[static_cast<int>(dims[i])])
           axes.push_back(dims[i]);
       }
       return {make_reshape(make_reduce("reduce_sum", ct, axes), in)};
     },
     .lower =
         [](LowerCtx& c) {
           const Ints& dims = c.attrs.ints("dims");
           Exprs index;
           for (std::size_t i = 0; i < dims.size(); ++i) {
             index.push_back(c.in[0].shape[static_cast<int>(i)] == 1 ? c.integer(0)
                                                                     : c.index[at(dims[i])]);
           }
           return c.element(0, index);
         },
     .reference =
         [](RefCtx& c) {
           const Ints& dims = c.attrs.ints("dims");
           Ints from(dims.size());
           for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
             for (std::size_t i = 0; i < dims.size(); ++i) {
               from[i] = c.in[0]->aval.shape[static_cast<int>(i)] == 1 ? 0 : to[at(dims[i])];
             }
             copy_element(c.out, k, *c.in[0], linear_index(c.in[0]->aval.shape, from));
           });
         },
     .cost = 0,
     .batch = [](const BatchCtx& c) -> Cts {
       Shape shape = c.attrs.ints("shape");
       shape.insert(0, c.size);
       return {make_broadcast(c.in[0], shape, behind_batch(c.attrs.ints("dims")))};
     }});

// ---- transpose ----

const OpDef& transpose_op = register_builtin(
    {.name = "transpose",
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           const Ints& perm = ints_per_dim(c, "perm", c.in[0].shape.rank());
           Ints sorted = perm;
           std::sort(sorted.begin(), sorted.end());
           LILITH_CHECK(sorted == range(static_cast<I>(perm.size())),
                        "transpose: perm is no permutation of {} dimensions", perm.size());
           Shape out;
           for (I p : perm) out.push_back(c.in[0].shape[static_cast<int>(p)]);
           return with_shape(c, out);
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       return {make_transpose(ct, inverse_permutation(c.attrs.ints("perm")))};
     },
     .lower =
         [](LowerCtx& c) {
           const Ints& perm = c.attrs.ints("perm");
           Exprs index(perm.size());
           for (std::size_t d = 0; d < perm.size(); ++d) index[at(perm[d])] = c.index[d];
           return c.element(0, index);
         },
     .reference =
         [](RefCtx& c) {
           const Ints& perm = c.attrs.ints("perm");
           Ints from(perm.size());
           for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
             for (std::size_t d = 0; d < perm.size(); ++d) from[at(perm[d])] = to[d];
             copy_element(c.out, k, *c.in[0], linear_index(c.in[0]->aval.shape, from));
           });
         },
     .cost = 0,
     .batch = [](const BatchCtx& c) -> Cts {
       return {make_transpose(c.in[0], behind_batch(c.attrs.ints("perm")))};
     }});

// ---- slice ----

const OpDef& slice_op = register_builtin(
    {.name = "slice",
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           const int rank = c.in[0].shape.rank();
           const Ints &start = ints_per_dim(c, "start", rank),
                      &limit = ints_per_dim(c, "limit", rank),
                      &stride = ints_per_dim(c, "stride", rank);
           Shape out;
           for (int d = 0; d < rank; ++d) {
             const I a = start[at(d)], b = limit[at(d)], s = stride[at(d)];
             LILITH_CHECK(a >= 0 && a <= b && b <= c.in[0].shape[d] && s >= 1,
                          "slice: [{}, {}) in steps of {} of dimension {} of {}; need 0 <= start "
                          "<= limit <= size and a step >= 1",
                          a, b, s, d, c.in[0].str());
             out.push_back((b - a + s - 1) / s);
           }
           return with_shape(c, out);
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       const Ints &start = c.attrs.ints("start"), &stride = c.attrs.ints("stride");
       Ints hi(start.size()), interior(start.size());
       for (std::size_t d = 0; d < start.size(); ++d) {
         const I out = ct.shape()[static_cast<int>(d)], in = c.in[0].shape()[static_cast<int>(d)];
         // No interior gaps unless there are two elements for one to lie between.
         interior[d] = out > 1 ? stride[d] - 1 : 0;
         const I covered = out == 0 ? 0 : (out - 1) * (interior[d] + 1) + 1;
         hi[d] = in - start[d] - covered;
       }
       return {make_pad(ct, start, hi, interior, 0)};
     },
     .lower =
         [](LowerCtx& c) {
           Exprs index;
           for (std::size_t d = 0; d < c.index.size(); ++d) {
             index.push_back(c.index[d] * c.integer(c.attrs.ints("stride")[d]) +
                             c.integer(c.attrs.ints("start")[d]));
           }
           return c.element(0, index);
         },
     .reference =
         [](RefCtx& c) {
           const Ints &start = c.attrs.ints("start"), &stride = c.attrs.ints("stride");
           Ints from(start.size());
           for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
             for (std::size_t d = 0; d < from.size(); ++d) from[d] = to[d] * stride[d] + start[d];
             copy_element(c.out, k, *c.in[0], linear_index(c.in[0]->aval.shape, from));
           });
         },
     .cost = 0,
     .dims = DimAttrs{.each = {"start", "limit", "stride"}}});

// ---- pad ----

I padded(I size, I lo, I hi, I interior) {
  return lo + hi + (size > 0 ? size + (size - 1) * interior : 0);
}

// True when `padded` does not overflow.
bool countable(I size, I lo, I hi, I interior) {
  I sum = 0, between = 0;
  return !__builtin_add_overflow(lo, hi, &sum) &&
         !__builtin_mul_overflow(std::max<I>(size - 1, 0), interior, &between) &&
         !__builtin_add_overflow(sum, between, &sum) && !__builtin_add_overflow(sum, size, &sum);
}

Expr lower_pad(LowerCtx& c) {
  const Ints &lo = c.attrs.ints("lo"), &interior = c.attrs.ints("interior");
  Exprs index;
  Expr inside;
  for (std::size_t d = 0; d < c.index.size(); ++d) {
    const I size = c.in[0].shape[static_cast<int>(d)], step = interior[d] + 1;
    Expr p = lo[d] == 0 ? c.index[d] : c.index[d] - c.integer(lo[d]);
    if (lo[d] > 0) inside = kir::logical_and(inside, kir::ge(p, c.integer(0)));
    if (c.attrs.ints("hi")[d] > 0) {
      inside = kir::logical_and(inside, kir::lt(p, c.integer((size - 1) * step + 1)));
    }
    if (step > 1) {
      inside = kir::logical_and(inside, kir::eq(kir::floor_mod(p, step), c.integer(0)));
      p = kir::floor_div(p, step);
    }
    index.push_back(p);
  }
  if (!inside) return c.element(0, index);
  const Expr x = c.guarded(0, index, inside);
  const double value = c.attrs.real("value");
  return value == 0 ? x : c.pool.select(inside, x, x.like(value));
}

void reference_pad(RefCtx& c) {
  const Ints &lo = c.attrs.ints("lo"), &interior = c.attrs.ints("interior");
  for (I k = 0; k < c.out.aval.numel(); ++k) c.out.set(k, c.attrs.real("value"));
  Ints to(lo.size());
  for_each_index(c.in[0]->aval.shape, [&](const Ints& from, I k) {
    for (std::size_t d = 0; d < to.size(); ++d) to[d] = from[d] * (interior[d] + 1) + lo[d];
    copy_element(c.out, linear_index(c.out.aval.shape, to), *c.in[0], k);
  });
}

const OpDef& pad_op = register_builtin(
    {.name = "pad",
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           const int rank = c.in[0].shape.rank();
           const Ints &lo = ints_per_dim(c, "lo", rank), &hi = ints_per_dim(c, "hi", rank),
                      &interior = ints_per_dim(c, "interior", rank);
           Shape out;
           for (int d = 0; d < rank; ++d) {
             LILITH_CHECK(countable(c.in[0].shape[d], lo[at(d)], hi[at(d)], interior[at(d)]),
                          "pad: {} by lo {}, hi {}, interior {} of dimension {}; need a size below "
                          "2^63",
                          c.in[0].str(), lo[at(d)], hi[at(d)], interior[at(d)], d);
             LILITH_CHECK(lo[at(d)] >= 0 && hi[at(d)] >= 0 && interior[at(d)] >= 0,
                          "pad: lo {}, hi {}, interior {} of dimension {}; need none negative",
                          lo[at(d)], hi[at(d)], interior[at(d)], d);
             out.push_back(padded(c.in[0].shape[d], lo[at(d)], hi[at(d)], interior[at(d)]));
           }
           return with_shape(c, out);
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       const Ints &lo = c.attrs.ints("lo"), &interior = c.attrs.ints("interior");
       Ints limit(lo.size()), stride(lo.size());
       for (std::size_t d = 0; d < lo.size(); ++d) {
         stride[d] = interior[d] + 1;
         limit[d] = lo[d] + padded(c.in[0].shape()[static_cast<int>(d)], 0, 0, interior[d]);
       }
       return {make_slice(ct, lo, limit, stride)};
     },
     .lower = lower_pad,
     .reference = reference_pad,
     .dims = DimAttrs{.each = {"lo", "hi", "interior"}},
     .zeros = Zeros::Around});

// ---- reverse ----

const OpDef& reverse_op = register_builtin(
    {.name = "reverse",
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           for (I d : c.attrs.ints("dims")) {
             LILITH_CHECK(d >= 0 && d < c.in[0].shape.rank(), "reverse: dimension {} of {}", d,
                          c.in[0].str());
           }
           return c.in[0];
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       return {make_reverse(ct, c.attrs.ints("dims"))};
     },
     .lower =
         [](LowerCtx& c) {
           Exprs index(c.index.begin(), c.index.end());
           for (I d : c.attrs.ints("dims")) {
             index[at(d)] = c.integer(c.out.shape[static_cast<int>(d)] - 1) - index[at(d)];
           }
           return c.element(0, index);
         },
     .reference =
         [](RefCtx& c) {
           for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
             Ints from = to;
             for (I d : c.attrs.ints("dims"))
               from[at(d)] = c.out.aval.shape[static_cast<int>(d)] - 1 - to[at(d)];
             copy_element(c.out, k, *c.in[0], linear_index(c.out.aval.shape, from));
           });
         },
     .cost = 0,
     .dims = DimAttrs{.some = "dims"}});

// ---- concat ----

const OpDef& concat_op = register_builtin(
    {.name = "concat",
     .arity = -1,
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           LILITH_CHECK(!c.in.empty(), "concat: no operands; need at least one");
           const auto dim = static_cast<int>(c.attrs.integer("dim"));
           Shape out = c.in[0].shape;
           LILITH_CHECK(dim >= 0 && dim < out.rank(), "concat: dimension {} of {}", dim,
                        c.in[0].str());
           for (std::size_t i = 1; i < c.in.size(); ++i) {
             Shape other = c.in[i].shape;
             if (other.rank() == out.rank()) {
               const I size = other[dim];
               other[dim] = out[dim];
               if (other == out && c.in[i].dtype == c.in[0].dtype) {
                 out[dim] += size;
                 continue;
               }
             }
             fail(
                 "concat: operands do not fit along dimension {}: {}; need equal dtypes and equal "
                 "sizes elsewhere",
                 dim, describe(c));
           }
           return with_shape(c, out);
         },
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       const auto dim = static_cast<int>(c.attrs.integer("dim"));
       Cts out;
       I start = 0;
       for (std::size_t i = 0; i < c.in.size(); ++i) {
         const I size = c.in[i].shape()[dim];
         out.push_back(c.wanted[i] ? slice_dim(ct, dim, start, start + size) : Tensor());
         start += size;
       }
       return out;
     },
     .lower =
         [](LowerCtx& c) {
           const auto dim = static_cast<std::size_t>(c.attrs.integer("dim"));
           Expr value;
           I start = 0;
           for (std::size_t i = 0; i < c.in.size(); ++i) {
             const I size = c.in[i].shape[static_cast<int>(dim)];
             if (size == 0) continue;
             Exprs index(c.index.begin(), c.index.end());
             index[dim] = index[dim] - c.integer(start);
             const Expr after = kir::ge(c.index[dim], c.integer(start));
             const Expr inside =
                 kir::logical_and(after, kir::lt(c.index[dim], c.integer(start + size)));
             const Expr x = c.guarded(static_cast<int>(i), index, inside);
             value = value ? c.pool.select(after, x, value) : x;
             start += size;
           }
           return value;
         },
     .reference =
         [](RefCtx& c) {
           const auto dim = static_cast<std::size_t>(c.attrs.integer("dim"));
           I start = 0;
           for (const RefTensor* x : c.in) {
             for_each_index(x->aval.shape, [&](Ints to, I k) {
               to[dim] += start;
               copy_element(c.out, linear_index(c.out.aval.shape, to), *x, k);
             });
             start += x->aval.shape[static_cast<int>(dim)];
           }
         },
     .dims = DimAttrs{.one = "dim"}});

// ---- iota ----

const OpDef& iota_op = register_builtin(
    {.name = "iota",
     .arity = 0,
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           const Shape shape = c.attrs.ints("shape");
           check_sizes(c, c.attrs.ints("shape"));
           const I dim = c.attrs.integer("dim");
           LILITH_CHECK(dim >= 0 && dim < shape.rank(), "iota: dimension {} of {}", dim,
                        shape.str());
           return Aval{
               .shape = shape, .dtype = c.attrs.dtype("dtype"), .device = device_of(c.attrs)};
         },
     .no_vjp_reason = "it has no inputs",
     .lower =
         [](LowerCtx& c) {
           return cast_expr(c.pool, c.index[at(c.attrs.integer("dim"))], c.out.dtype);
         },
     .reference =
         [](RefCtx& c) {
           const std::size_t dim = at(c.attrs.integer("dim"));
           for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
             if (c.out.floating())
               c.out.f[at(k)] = static_cast<double>(to[dim]);
             else
               c.out.set_int(k, to[dim]);
           });
         }});

}  // namespace
}  // namespace lilith::ops
