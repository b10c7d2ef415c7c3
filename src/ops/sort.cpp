#include "ops/sort.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "ir/host_call.h"
#include "ops/batch.h"
#include "ops/define.h"
#include "ops/primitives.h"
#include "ops/sort_rows.h"

// argsort, which all threads compute together (sort_rows.h), and binary search, which is an
// expression.
namespace lilith::ops {
namespace {

using I = std::int64_t;

RowOrder row_order(const Aval& x, const Attrs& attrs) {
  const I n = x.shape[x.shape.rank() - 1];
  return {.rows = n == 0 ? 0 : x.numel() / n,
          .n = n,
          .first = attrs.integer("first"),
          .count = attrs.integer("count"),
          .descending = attrs.flag("descending")};
}

bool is_less(double a, double b) { return !std::isnan(a) && (std::isnan(b) || a < b); }

void argsort_reference(RefCtx& c) {
  const RefTensor& x = *c.in[0];
  const RowOrder o = row_order(x.aval, c.attrs);
  std::vector<I> order(static_cast<std::size_t>(o.n));
  for (I r = 0; r < o.rows; ++r) {
    const auto at = [&](I i) { return static_cast<std::size_t>(r * o.n + i); };
    const auto less = [&](I a, I b) {
      if (o.descending) std::swap(a, b);
      return x.floating() ? is_less(x.f[at(a)], x.f[at(b)]) : x.i[at(a)] < x.i[at(b)];
    };
    std::iota(order.begin(), order.end(), I{0});
    std::stable_sort(order.begin(), order.end(), less);
    for (I k = 0; k < o.count; ++k)
      c.out.set_int(r * o.count + k, order[static_cast<std::size_t>(o.first + k)]);
  }
}

const OpDef& argsort_op = register_builtin(
    {.name = "argsort",
     .arity = 1,
     .cls = OpClass::Sort,
     .infer =
         [](const InferCtx& c) {
           const Shape& shape = c.in[0].shape;
           LILITH_CHECK(shape.rank() > 0, "{}: got a 0-d tensor; need at least 1 dimension", c.op);
           const I n = shape[shape.rank() - 1], first = c.attrs.integer("first"),
                   count = c.attrs.integer("count");
           LILITH_CHECK(n <= std::numeric_limits<std::uint32_t>::max(),
                        "{}: rows of {} elements; need at most {}", c.op, n,
                        std::numeric_limits<std::uint32_t>::max());
           LILITH_CHECK(first >= 0 && count >= 0 && first + count <= n,
                        "{}: ranks {} to {} of rows of {}", c.op, first, first + count, n);
           Shape out = shape;
           out[out.rank() - 1] = count;
           return Aval{.shape = out, .dtype = DType::I64, .device = c.in[0].device};
         },
     .no_vjp_reason = "places are integers; gather the values at them, which has one",
     .reference = argsort_reference,
     .cost = 20,
     .batch = batch_in_front,
     .call =
         [](CallCtx& c) {
           order_rows(row_order(c.in_avals[0], c.attrs), c.in_avals[0].dtype, c.in[0],
                      static_cast<I*>(c.out[0]), c.scratch, {c.thread, c.num_threads, c.barrier});
         },
     .scratch =
         [](const InferCtx& c) {
           return order_scratch_bytes(row_order(c.in[0], c.attrs), c.in[0].dtype);
         }});

// The last place of the sorted row that the value belongs behind, found by steps of halving size.
kir::Expr search(LowerCtx& c) {
  const Shape& shape = c.in[0].shape;
  const I n = shape[shape.rank() - 1];
  const bool right = c.attrs.flag("right"), floats = is_floating(c.in[0].dtype);
  const kir::Expr value = c[1];
  const auto less = [&](const kir::Expr& a, const kir::Expr& b) {
    if (!floats) return kir::lt(a, b);
    return kir::logical_and(kir::logical_not(kir::isnan(a)),
                            kir::logical_or(kir::isnan(b), kir::lt(a, b)));
  };
  kir::Expr found = c.integer(0);
  for (I step = static_cast<I>(std::bit_floor(static_cast<std::uint64_t>(n))); step > 0;
       step /= 2) {
    const kir::Expr next = found + c.integer(step);
    std::vector<kir::Expr> at;
    if (shape.rank() > 1) at.assign(c.index.begin(), c.index.end());
    at.resize(static_cast<std::size_t>(shape.rank()));
    at.back() = kir::min(next, c.integer(n)) - c.integer(1);
    const kir::Expr x = c.element(0, at);
    const kir::Expr before = right ? kir::logical_not(less(value, x)) : less(x, value);
    found = c.pool.select(kir::logical_and(kir::le(next, c.integer(n)), before), next, found);
  }
  return found;
}

void search_reference(RefCtx& c) {
  const RefTensor &sorted = *c.in[0], &values = *c.in[1];
  const Shape &shape = sorted.aval.shape, &out = c.out.aval.shape;
  const I n = shape[shape.rank() - 1], m = shape.rank() > 1 ? out[out.rank() - 1] : out.numel();
  const bool right = c.attrs.flag("right");
  const auto less = [&](const RefTensor& a, I i, const RefTensor& b, I j) {
    const auto x = static_cast<std::size_t>(i), y = static_cast<std::size_t>(j);
    return a.floating() ? is_less(a.f[x], b.f[y]) : a.i[x] < b.i[y];
  };
  for (I k = 0; k < values.aval.numel(); ++k) {
    const I row = k / m * n;
    I found = 0;
    while (found < n &&
           (right ? !less(values, k, sorted, row + found) : less(sorted, row + found, values, k)))
      ++found;
    c.out.set_int(k, found);
  }
}

Aval infer_search(const InferCtx& c) {
  const Shape &sorted = c.in[0].shape, &values = c.in[1].shape;
  const auto rows_of = [](const Shape& s) {
    return std::vector<I>(s.begin(), s.end() - (s.rank() > 0 ? 1 : 0));
  };
  LILITH_CHECK(sorted.rank() == 1 || (sorted.rank() > 1 && sorted.rank() == values.rank() &&
                                      rows_of(sorted) == rows_of(values)),
               "{}: sorted {}, values {}; need 1-d or the same rows", c.op, c.in[0].str(),
               c.in[1].str());
  LILITH_CHECK(c.in[0].dtype == c.in[1].dtype, "{}: sorted {}, values {}; need one dtype", c.op,
               c.in[0].str(), c.in[1].str());
  return {.shape = values, .dtype = DType::I64, .device = c.in[0].device};
}

// A sorted row of one dimension serves all examples; rows of their own have the batch in front.
std::vector<Tensor> search_batch(const BatchCtx& c) {
  if (!c.batched[0] && c.in[0].ndim() == 1) return {apply("searchsorted", c.in, c.attrs)};
  const Tensor sorted = batched_operand(c, 0);
  Tensor values = batched_operand(c, 1);
  const Shape shape = values.shape();
  if (sorted.ndim() == 2) values = make_reshape(values, {c.size, shape.numel() / c.size});
  return {make_reshape(apply("searchsorted", {sorted, values}, c.attrs), shape)};
}

const OpDef& searchsorted_op =
    register_builtin({.name = "searchsorted",
                      .arity = 2,
                      .cls = OpClass::View,
                      .infer = infer_search,
                      .no_vjp_reason = "it gives places, which are integers",
                      .lower = search,
                      .reference = search_reference,
                      .cost = 60,
                      .batch = search_batch});

}  // namespace

Tensor make_argsort(const Tensor& x, I first, I count, bool descending) {
  Shape shape = x.shape();
  shape[shape.rank() - 1] = count;
  if (shape.numel() == 0) return make_full(shape, 0, DType::I64, x.device());
  return apply(argsort_op, {x}, {{"first", first}, {"count", count}, {"descending", descending}});
}

Tensor make_searchsorted(const Tensor& sorted, const Tensor& values, bool right) {
  if (values.numel() == 0 || sorted.size(-1) == 0)
    return make_full(values.shape(), 0, DType::I64, values.device());
  return apply(searchsorted_op, {sorted, values}, {{"right", right}});
}

}  // namespace lilith::ops
